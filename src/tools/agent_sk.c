/* Security keys of the agent: each signature is asked of ssh-sk-helper while others are served. */
#include "tools/agent_serve.h"

#include <signal.h>
#include <strings.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "client/sk.h"
#include "sys/fd.h"
#include "sys/process.h"

struct sk_work {
	struct conn *c;                                     /* NULL: gone; what is left is the end of askpass */
	struct loop *loop;
	const struct hash_alg *fingerprint;
	struct key *key;
	const struct key_alg *alg;
	char *provider;
	struct buf data, pin;
	struct sk_call call;
	struct loop_fd *watch;
	struct sk_notice notice;
	pid_t asking;                                       /* askpass for the PIN, or 0 */
	int answer;
	bool asked;
};

static void stop(struct sk_work *w, bool confirmed)
{
	loop_fd_remove(w->watch);
	w->watch = NULL;
	sk_call_end(&w->call);
	sk_notice_end(&w->notice, confirmed);
}

static void drop(struct sk_work *w)
{
	stop(w, false);
	fd_close(&w->answer);
	key_free(w->key);
	mem_free(w->provider);
	buf_clear(&w->data);
	buf_clear(&w->pin);
	mem_free(w);
}

void agent_sk_leave(struct conn *c)
{
	struct sk_work *w = c->sk;
	c->sk = NULL;
	if (w == NULL)
		return;
	w->c = NULL;
	if (w->asking)
		proc_kill(w->asking, SIGTERM);          /* its end frees w */
	else
		drop(w);
}

/* c may be gone afterwards. */
static void conclude(struct sk_work *w, const struct agent_done *done, const struct err *why)
{
	struct conn *c = w->c;
	if (done == NULL)
		log_info("security key: %s", why->text);
	if (c)
		c->sk = NULL;
	drop(w);
	if (c)
		agent_waited_done(c, done);
}

static bool start(struct sk_work *w, struct err *err);

static void on_pin(void *arg, pid_t pid, int status)
{
	struct sk_work *w = arg;
	struct err err = {0};
	(void)pid;
	w->asking = 0;
	bool got = askpass_end(&w->answer, status, &w->pin) && w->pin.len;
	if (w->c == NULL)
		drop(w);
	else if (!got)
		conclude(w, NULL, (err_set(&err, ERR_PASSPHRASE, "no PIN was given"), &err));
	else if (!start(w, &err))
		conclude(w, NULL, &err);
}

static bool ask_pin(struct sk_work *w, struct err *err)
{
	struct buf prompt = BUF_INIT(400), blob = BUF_INIT(1 << 16);
	key_blob(w->key, &blob);
	put_fmt(&prompt, "Enter PIN %sfor %s key ", key_sk(w->key)->flags & SK_TOUCH_REQUIRED ? "and confirm user presence " : "", key_word(w->key));
	key_fingerprint(buf_slice(&blob), w->fingerprint, &prompt);
	put_str(&prompt, ": ");
	w->asked = true;
	w->asking = askpass_start(buf_cstr(&prompt), NULL, &w->answer, err);
	if (w->asking > 0 && !loop_child(w->loop, w->asking, on_pin, w)) {
		proc_kill(w->asking, SIGTERM);
		w->asking = 0;
	}
	buf_clear(&prompt);
	buf_clear(&blob);
	w->asking = w->asking > 0 ? w->asking : 0;
	return w->asking > 0;
}

static void on_answer(void *arg, unsigned ready)
{
	struct sk_work *w = arg;
	struct buf sig = BUF_INIT(AGENT_MESSAGE_MAX / 2);
	struct err err = {0};
	(void)ready;
	loop_fd_remove(w->watch);
	w->watch = NULL;
	bool ok = sk_call_signed(&w->call, w->key, w->alg, &sig, &err);
	stop(w, ok);
	struct agent_done done = {.signature = buf_slice(&sig)};
	if (ok)
		conclude(w, &done, NULL);
	else if (err.code != ERR_PASSPHRASE || w->asked || !ask_pin(w, &err))
		conclude(w, NULL, &err);
	buf_clear(&sig);
}

static bool start(struct sk_work *w, struct err *err)
{
	if (!sk_call_sign(&w->call, w->key, w->provider, buf_slice(&w->pin), buf_slice(&w->data), err))
		return false;
	w->watch = loop_fd_add(w->loop, w->call.fd, LOOP_READ, on_answer, w);
	if (key_sk(w->key)->flags & SK_TOUCH_REQUIRED)
		sk_notice_begin(&w->notice, w->key, w->fingerprint, false);
	return true;
}

char *agent_sk_path(const struct conn *c, struct slice provider, struct err *err)
{
	char *path = agent_link_path(provider);
	if (strcasecmp(path, "internal") == 0 || agent_may_load(c, path, err))
		return path;
	mem_free(path);
	return NULL;
}

bool agent_sk_sign(struct conn *c, const struct agent_work *work, struct err *err)
{
	struct sk_work *w = mem_new(sizeof *w);
	*w = (struct sk_work){.c = c, .loop = c->s->loop, .fingerprint = c->s->how->fingerprint, .key = work->key, .alg = work->alg,
		.provider = slice_dup(work->provider), .data = BUF_INIT(AGENT_MESSAGE_MAX), .pin = BUF_INIT_SECRET(SK_PIN_MAX),
		.call = {.fd = -1}, .notice = {.fd = -1}, .answer = -1};
	put_bytes(&w->data, work->data);
	if (!start(w, err)) {
		drop(w);
		return false;
	}
	agent_wait(c, WAIT_SK);
	c->sk = w;
	return true;
}
