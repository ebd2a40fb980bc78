#include "client/token.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/helper.h"
#include "client/readpass.h"
#include "sys/fd.h"
#include "sys/process.h"

enum { HEAD = 4, END_MS = 2000 };

static bool send_frame(struct token_link *t, uint8_t number, const void *m, struct err *err)
{
	struct buf body = BUF_INIT_SECRET(TOKEN_FRAME_MAX), frame = BUF_INIT_SECRET(TOKEN_FRAME_MAX + HEAD);
	msg_encode(token_msg_row(number), m, &body);
	put_string(&frame, buf_slice(&body));
	bool ok = (!body.bad && !frame.bad) || err_set(err, ERR_LIMIT, "too much for a token");
	ok = ok && fd_write_all(t->fd, buf_slice(&frame), -1, err);
	buf_clear(&body);
	buf_clear(&frame);
	return ok;
}

static bool start(struct token_link *t, int theirs, struct err *err)
{
	char *path = helper_path("SSH_PKCS11_HELPER", "ssh-pkcs11-helper");
	const char *verbose = log_get_level() >= LOG_LEVEL_DEBUG1 ? "-v" : NULL;
	const char *argv[] = {"ssh-pkcs11-helper", verbose, NULL};
	const struct fd_map fds[] = {{theirs, 0}, {theirs, 1}};
	struct proc_spawn how = {.path = path, .argv = argv, .fds = fds, .nfds = ARRAY_LEN(fds), .flags = PROC_DIE_WITH_PARENT | PROC_NEW_GROUP};
	t->pid = proc_spawn(&how, &t->pidfd, err);
	mem_free(path);
	return t->pid > 0;
}

bool token_begin(struct token_link *t, const char *provider, struct slice pin, struct err *err)
{
	int pair[2];
	struct token_open m = {slice_str(provider), pin};
	*t = (struct token_link){.fd = -1, .pidfd = -1, .in = BUF_INIT(TOKEN_FRAME_MAX + HEAD), .provider = mem_str(provider)};
	bool ok = fd_pair(FD_PAIR_STREAM, pair, err);
	if (ok) {
		t->fd = pair[0];
		ok = start(t, pair[1], err);
		fd_close(&pair[1]);
	}
	ok = ok && send_frame(t, TOKEN_OPEN, &m, err);
	if (!ok) {
		err_prefix(err, "PKCS#11");
		token_end(t);
	}
	return ok;
}

bool token_ask(struct token_link *t, const struct token_sign *m, struct err *err)
{
	return t->fd >= 0 ? send_frame(t, TOKEN_SIGN, m, err) : err_set(err, ERR_MISSING, "PKCS#11: the helper of %s has ended", t->provider);
}

/* The frame at the head of `in`, without its length; n == 0: not whole yet. */
static struct slice frame(const struct token_link *t)
{
	struct slice have = slice_from(buf_slice(&t->in), t->done);
	uint32_t n = have.n >= HEAD ? load_u32(have.p) : 0;
	return have.n >= HEAD && have.n - HEAD >= n ? slice_of(have.p + HEAD, n) : slice_of(NULL, 0);
}

static bool greet(struct token_link *t)
{
	struct token_hello m;
	struct slice f = frame(t);
	if (!msg_decode(token_msg_row(TOKEN_HELLO), f, &m) || m.version != TOKEN_VERSION)
		return false;
	t->greeted = true;
	buf_drop(&t->in, HEAD + f.n);
	return true;
}

/* False: the end, or a frame that cannot be. */
static bool receive(struct token_link *t, bool wait, bool *more)
{
	enum { CHUNK = 4096 };
	if (t->in.len >= HEAD && load_u32(t->in.p) - 1 >= TOKEN_FRAME_MAX)
		return false;
	struct room room = buf_room(&t->in, t->in.max - t->in.len < CHUNK ? t->in.max - t->in.len : CHUNK);
	ssize_t n = t->fd >= 0 && room.n ? recv(t->fd, room.p, room.n, wait ? 0 : MSG_DONTWAIT) : 0;
	*more = n > 0 || (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	buf_add(&t->in, (size_t)n);
	return n > 0;
}

enum token_state token_poll(struct token_link *t, bool wait)
{
	bool more = true;
	buf_drop(&t->in, t->done);
	t->done = 0;
	for (;;) {
		if (frame(t).n) {
			if (t->greeted)
				return TOKEN_READY;
			if (!greet(t))
				return TOKEN_GONE;
		} else if (!more) {
			return TOKEN_MORE;
		} else if (!receive(t, wait, &more)) {
			return TOKEN_GONE;
		}
	}
}

void token_end(struct token_link *t)
{
	fd_close(&t->fd);
	if (t->pid > 0) {
		struct pollfd ended = {.fd = t->pidfd, .events = POLLIN};
		if (poll(&ended, 1, END_MS) != 1)
			proc_kill(t->pid, SIGKILL);
		proc_wait(t->pid, true, NULL);
	}
	t->pid = 0;
	fd_close(&t->pidfd);
	buf_clear(&t->in);
	mem_free(t->provider);
	t->provider = NULL;
}

/* The answer, which is then used up. False: err has what the helper says, or that it says nothing. */
static bool take(struct token_link *t, struct slice *f, struct err *err)
{
	struct token_failed m;
	*f = frame(t);
	if (f->n == 0)
		return err_set(err, ERR_PEER, "PKCS#11: the helper of %s ended, or is of another version", t->provider);
	t->done = HEAD + f->n;
	if (f->p[0] != TOKEN_FAILED)
		return true;
	if (!msg_decode(token_msg_row(TOKEN_FAILED), *f, &m))
		return err_set(err, ERR_PEER, "PKCS#11: the helper gave no answer that makes sense");
	return err_set(err, ERR_DENIED, "PKCS#11: %.*s", (int)m.text.n, (const char *)m.text.p);
}

bool token_take_keys(struct token_link *t, struct token_item **items, size_t *n, struct err *err)
{
	struct slice f;
	struct token_keys m;
	*items = NULL, *n = 0;
	if (!take(t, &f, err))
		return false;
	if (!msg_decode(token_msg_row(TOKEN_KEYS), f, &m) || m.count > TOKEN_KEYS_MAX)
		return err_set(err, ERR_PEER, "PKCS#11: the helper's list of keys is broken");
	struct reader r = reader_of(m.keys);
	for (uint32_t i = 0; i < m.count; i++) {
		struct token_item k;
		k.blob = get_string(&r);
		k.label = get_string(&r);
		LIST_PUSH(*items, *n, k);
	}
	if (get_end(&r))
		return true;
	mem_free(*items);
	*items = NULL, *n = 0;
	return err_set(err, ERR_PEER, "PKCS#11: the helper's list of keys is broken");
}

int token_take_signature(struct token_link *t, struct buf *sig, struct slice *label, struct err *err)
{
	struct slice f;
	struct token_signature s;
	struct token_pin_wanted w;
	if (!take(t, &f, err))
		return -1;
	if (msg_decode(token_msg_row(TOKEN_PIN_WANTED), f, &w)) {
		*label = w.label;
		return 0;
	}
	if (!msg_decode(token_msg_row(TOKEN_SIGNATURE), f, &s))
		return err_set(err, ERR_PEER, "PKCS#11: the helper gave no answer that makes sense") ? 1 : -1;
	put_bytes(sig, s.signature);
	return 1;
}

bool token_load(struct token_link *t, const char *provider, struct slice pin, struct token_item **items, size_t *n, struct err *err)
{
	*items = NULL, *n = 0;
	if (!token_begin(t, provider, pin, err))
		return false;
	token_poll(t, true);
	if (token_take_keys(t, items, n, err))
		return true;
	token_end(t);
	return false;
}

bool token_make_signature(struct token_link *t, struct slice blob, const struct key_alg *alg, struct slice data, bool batch, struct buf *sig, struct err *err)
{
	struct buf pin = BUF_INIT_SECRET(TOKEN_PIN_MAX);
	struct token_sign m = {blob, slice_str(key_alg_plain(alg)->name), data, {NULL, 0}};
	struct slice label;
	int got = -1;
	if (token_ask(t, &m, err)) {
		token_poll(t, true);
		got = token_take_signature(t, sig, &label, err);
	}
	if (got == 0 && batch) {
		err_set(err, ERR_PASSPHRASE, "PKCS#11: token %s wants its PIN and nobody may be asked", text_show(label));
	} else if (got == 0) {
		char *prompt = mem_fmt("Enter PIN for '%s': ", text_show(label));
		if (read_passphrase(prompt, 0, &pin, err) && pin.len == 0)
			err_set(err, ERR_PASSPHRASE, "PKCS#11: no PIN was given");
		m.pin = buf_slice(&pin);
		if (pin.len && token_ask(t, &m, err)) {
			token_poll(t, true);
			got = token_take_signature(t, sig, &label, err);
			if (got == 0)
				err_set(err, ERR_PASSPHRASE, "PKCS#11: the PIN was of no use");
		}
		mem_free(prompt);
	}
	buf_clear(&pin);
	return got == 1;
}
