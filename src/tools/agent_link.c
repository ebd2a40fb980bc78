/* PKCS#11 libraries of the agent: which may be loaded, and what their helpers are asked. */
#include "tools/agent_serve.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sys/fd.h"

char *agent_link_path(struct slice provider)
{
	char *named = slice_dup(provider), *real = realpath(named, NULL);
	char *path = mem_str(real ? real : named);
	free(real);
	mem_free(named);
	return path;
}

static void end(struct link *l)
{
	struct link **at = &l->s->links;
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	loop_fd_remove(l->watch);
	token_end(&l->token);
	mem_free(l);
}

static struct link *find(const struct server *s, struct slice provider)
{
	for (struct link *l = s->links; l; l = l->next)
		if (slice_eq_str(provider, l->token.provider))
			return l;
	return NULL;
}

static bool in_use(const struct link *l)
{
	for (const struct conn *c = l->s->conns; c; c = c->next)
		if (c->link == l)
			return true;
	return l->busy || agent_uses(l->s->agent, slice_str(l->token.provider));
}

static void on_tidy(void *arg)
{
	struct server *s = arg;
	for (struct link *l = s->links, *next; l; l = next) {
		next = l->next;
		if (!in_use(l))
			end(l);
	}
}

void agent_links_init(struct server *s)
{
	loop_defer_init(&s->tidy, s->loop, on_tidy, s);
}

void agent_links_clear(struct server *s)
{
	while (s->links)
		end(s->links);
	loop_defer_cancel(&s->tidy);
}

void agent_link_leave(struct conn *c)
{
	if (c->link && c->link->user == c)
		c->link->user = NULL;                   /* the answer, when it comes, is for nobody */
	c->link = NULL;
}

/* Whoever waited longest for this library is looked at again. */
static void serve_next(struct link *l)
{
	struct conn *first = NULL;
	for (struct conn *c = l->s->conns; c; c = c->next)
		if (c->link == l && (first == NULL || c->turn < first->turn))
			first = c;
	if (first)
		agent_waited(first, true);
}

static void opened(struct link *l, struct conn *c, struct err *err)
{
	struct token_item *items;
	size_t n;
	l->opening = false;
	if (!token_take_keys(&l->token, &items, &n, err)) {
		if (c)
			agent_waited_done(c, NULL);
		return;
	}
	struct agent_token_key *keys = mem_list(n + 1, sizeof *keys);
	for (size_t i = 0; i < n; i++)
		keys[i] = (struct agent_token_key){items[i].blob, items[i].label};
	struct agent_done done = {.provider = slice_str(l->token.provider), .keys = keys, .n = n};
	if (c)
		agent_waited_done(c, &done);
	mem_free(keys);
	mem_free(items);
}

static void has_signed(struct link *l, struct conn *c, struct err *err)
{
	struct buf sig = BUF_INIT(AGENT_MESSAGE_MAX / 2);
	struct slice label;
	int got = token_take_signature(&l->token, &sig, &label, err);
	if (got == 0)
		err_set(err, ERR_PASSPHRASE, "token %s wants its PIN: remove its keys and add them again with ssh-add -s", text_show(label));
	struct agent_done done = {.signature = buf_slice(&sig)};
	if (c)
		agent_waited_done(c, got == 1 ? &done : NULL);
	buf_clear(&sig);
}

static void on_token(void *arg, unsigned ready)
{
	struct link *l = arg;
	struct server *s = l->s;
	struct err err = {0};
	struct conn *c = l->user;
	(void)ready;
	enum token_state state = token_poll(&l->token, false);
	if (state == TOKEN_MORE)
		return;
	l->user = NULL;
	l->busy = false;
	if (c)
		c->link = NULL;
	if (l->opening)
		opened(l, c, &err);
	else
		has_signed(l, c, &err);
	if (err.code != ERR_NONE)
		log_error("%s", err.text);
	if (state == TOKEN_GONE) {
		loop_fd_want(l->watch, 0);
		fd_close(&l->token.fd);
	}
	serve_next(l);
	loop_defer(&s->tidy);
}

static void wait_for(struct conn *c, struct link *l)
{
	c->link = l;
	agent_wait(c, WAIT_TOKEN);
}

bool agent_may_load(const struct conn *c, const char *path, struct err *err)
{
	if ((c->state.sessions.n || c->state.sessions.failed) && !c->s->how->allow_remote)
		return err_set(err, ERR_DENIED, "libraries are not loaded for clients of a forwarded agent (-O allow-remote-pkcs11)");
	if (match_list(slice_str(path), slice_str(c->s->how->providers), false) != 1)
		return err_set(err, ERR_DENIED, "%s is not a library that may be loaded (-P)", text_show(slice_str(path)));
	return true;
}

bool agent_link_load(struct conn *c, const struct agent_work *work, struct err *err)
{
	struct server *s = c->s;
	char *path = agent_link_path(work->provider);
	struct link *l = find(s, slice_str(path)), *new = mem_new(sizeof *new);
	bool ok = agent_may_load(c, path, err);
	if (ok && l && (l->busy || l->token.fd >= 0))
		ok = err_set(err, ERR_DENIED, "%s is loaded already", text_show(slice_str(path)));
	if (ok && l)
		end(l);                                 /* its helper died */
	ok = ok && token_begin(&new->token, path, work->pin, err);
	if (ok) {
		new->s = s;
		new->next = s->links;
		new->busy = new->opening = true;
		new->user = c;
		new->watch = loop_fd_add(s->loop, new->token.fd, LOOP_READ, on_token, new);
		s->links = new;
		wait_for(c, new);
	} else {
		mem_free(new);
	}
	mem_free(path);
	return ok;
}

bool agent_link_sign(struct conn *c, const struct agent_work *work, struct err *err)
{
	struct link *l = find(c->s, work->provider);
	struct token_sign m = {work->blob, slice_str(key_alg_plain(work->alg)->name), work->data, {NULL, 0}};
	if (l == NULL)
		return err_set(err, ERR_MISSING, "the library of the key has gone");
	if (!l->busy) {
		if (!token_ask(&l->token, &m, err))
			return false;
		l->busy = true;
		l->user = c;
	}
	wait_for(c, l);
	return true;
}
