#include "client/sk.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "client/helper.h"
#include "client/readpass.h"
#include "sys/fd.h"
#include "sys/process.h"

enum { CHALLENGE = 32, HEAD = 4 };

const char *sk_provider_of(const char *configured)
{
	if (configured && configured[0] == '$' && configured[1])
		configured = getenv(configured + 1);
	return configured && configured[0] && strcmp(configured, "none") != 0 ? configured : NULL;
}

static bool start_helper(struct sk_call *c, int theirs, struct err *err)
{
	char *path = helper_path("SSH_SK_HELPER", "ssh-sk-helper");
	const char *argv[] = {"ssh-sk-helper", NULL};
	const struct fd_map fds[] = {{theirs, 0}, {theirs, 1}};
	struct proc_spawn how = {.path = path, .argv = argv, .fds = fds, .nfds = ARRAY_LEN(fds), .flags = PROC_DIE_WITH_PARENT};
	c->pid = proc_spawn(&how, NULL, err);
	mem_free(path);
	return c->pid > 0;
}

/* Without SIGPIPE: a helper that ended early is an error like any other. */
static bool send_all(int fd, struct slice s, struct err *err)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return err_errno(err, "ssh-sk-helper takes no ask");
		s = slice_from(s, n > 0 ? (size_t)n : 0);
	}
	return true;
}

static bool begin(struct sk_call *c, uint8_t number, const void *ask, struct err *err)
{
	struct buf body = BUF_INIT_SECRET(SK_FRAME_MAX), frame = BUF_INIT_SECRET(SK_FRAME_MAX + HEAD);
	int pair[2];
	*c = (struct sk_call){.fd = -1, .answer = BUF_INIT_SECRET(SK_FRAME_MAX + HEAD)};
	msg_encode(sk_msg_row(number), ask, &body);
	put_string(&frame, buf_slice(&body));
	bool ok = !frame.bad || err_set(err, ERR_LIMIT, "too much for a security key");
	if (ok && (ok = fd_pair(FD_PAIR_STREAM, pair, err))) {
		c->fd = pair[0];
		ok = start_helper(c, pair[1], err);
		close(pair[1]);
	}
	ok = ok && send_all(c->fd, buf_slice(&frame), err);
	buf_clear(&body);
	buf_clear(&frame);
	if (!ok) {
		err_prefix(err, "security key");
		sk_call_end(c);
	}
	return ok;
}

void sk_call_end(struct sk_call *c)
{
	fd_close(&c->fd);
	if (c->pid > 0) {
		proc_kill(c->pid, SIGTERM);
		proc_wait(c->pid, true, NULL);
	}
	c->pid = 0;
	buf_clear(&c->answer);
}

static bool failed(struct slice bytes, enum sk_failure *why, struct err *err)
{
	struct sk_failed f;
	if (!msg_decode(sk_msg_row(SK_FAILED), bytes, &f))
		return err_set(err, ERR_PEER, "security key: ssh-sk-helper gave no answer that makes sense");
	*why = (enum sk_failure)f.code;
	return err_set(err, f.code == SK_ERR_PIN ? ERR_PASSPHRASE : f.code == SK_ERR_NO_DEVICE ? ERR_MISSING : ERR_PEER,
		"%.*s", (int)f.text.n, (const char *)f.text.p);
}

/* The answer must be of this number; its slices live in c->answer. */
static bool finish(struct sk_call *c, uint8_t number, void *answer, enum sk_failure *why, struct err *err)
{
	*why = SK_ERR_GENERAL;
	if (!fd_read_to_end(c->fd, &c->answer, -1, err))
		return err_prefix(err, "security key");
	fd_close(&c->fd);
	proc_wait(c->pid, true, NULL);
	c->pid = 0;
	struct reader r = reader_of(buf_slice(&c->answer));
	struct slice bytes = get_string(&r);
	if (!get_end(&r) || bytes.n == 0)
		return err_set(err, ERR_PEER, "security key: ssh-sk-helper ended without an answer");
	if (bytes.p[0] != number)
		return failed(bytes, why, err);
	return msg_decode(sk_msg_row(number), bytes, answer) || err_set(err, ERR_PEER, "security key: ssh-sk-helper gave a malformed answer");
}

bool sk_call_sign(struct sk_call *c, const struct key *k, const char *provider, struct slice pin, struct slice data, struct err *err)
{
	const struct sk_part *sk = key_sk(k);
	*c = (struct sk_call){.fd = -1};
	if (provider == NULL)
		return err_set(err, ERR_MISSING, "no library for security keys is named (SecurityKeyProvider)");
	if (sk == NULL || sk->handle.n == 0)
		return err_set(err, ERR_MISSING, "no private half of the %s key", key_word(k));
	struct sk_ask_sign q = {SK_VERSION, slice_str(provider), key_kind(k)->kind == PK_ED25519 ? SK_ED25519 : SK_ECDSA, data, sk->application,
		sk->handle, sk->flags, pin};
	return begin(c, SK_SIGN, &q, err);
}

bool sk_call_signed(struct sk_call *c, const struct key *k, const struct key_alg *alg, struct buf *sig, struct err *err)
{
	struct sk_signed m;
	enum sk_failure why;
	bool ok = finish(c, SK_SIGNED, &m, &why, err);
	if (ok && (key_alg_plain(alg)->form != KEY_FORM_SK || strcmp(key_alg_plain(alg)->type, key_type(k)) != 0))
		ok = err_set(err, ERR_UNSUPPORTED, "a key of type %s cannot sign as %s", key_type(k), alg->name);
	if (ok)
		sk_put_signature(sig, alg, m.body, m.flags, m.counter);
	sk_call_end(c);
	return ok && (!sig->bad || err_set(err, ERR_LIMIT, "the signature does not fit"));
}

void sk_notice_begin(struct sk_notice *n, const struct key *k, const struct hash_alg *fingerprint, bool batch)
{
	struct buf text = BUF_INIT(300), blob = BUF_INIT(1 << 16);
	struct err err;
	*n = (struct sk_notice){.fd = -1};
	key_blob(k, &blob);
	put_fmt(&text, "Confirm user presence for key %s ", key_word(k));
	key_fingerprint(buf_slice(&blob), fingerprint ? fingerprint : &hash_sha256, &text);
	if (isatty(STDERR_FILENO)) {
		n->terminal = true;
		fprintf(stderr, "%s\n", buf_cstr(&text));
	} else if (!batch && (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY") || getenv("SSH_ASKPASS_REQUIRE"))) {
		n->pid = askpass_start(buf_cstr(&text), "none", &n->fd, &err);
		if (n->pid < 0)
			log_debug("%s", err.text);
	} else {
		log_debug("%s", buf_cstr(&text));
	}
	buf_clear(&text);
	buf_clear(&blob);
}

void sk_notice_end(struct sk_notice *n, bool confirmed)
{
	if (n->terminal && confirmed)
		fputs("User presence confirmed\n", stderr);
	fd_close(&n->fd);
	if (n->pid > 0) {
		proc_kill(n->pid, SIGKILL);             /* a notice has nothing to tidy up, and the agent cannot wait for one that lingers */
		proc_wait(n->pid, true, NULL);
	}
	*n = (struct sk_notice){.fd = -1};
}

static bool sign_once(const struct key *k, const struct key_alg *alg, const struct sk_user *u, struct slice pin, struct slice data, struct buf *sig, struct err *err)
{
	struct sk_notice notice = {.fd = -1};
	struct sk_call call;
	if (!sk_call_sign(&call, k, u->provider, pin, data, err))
		return false;
	if (key_sk(k)->flags & SK_TOUCH_REQUIRED)
		sk_notice_begin(&notice, k, u->fingerprint, u->batch);
	bool ok = sk_call_signed(&call, k, alg, sig, err);
	sk_notice_end(&notice, ok);
	return ok;
}

bool sk_sign(const struct key *k, const struct key_alg *alg, const struct sk_user *u, struct slice data, struct buf *sig, struct err *err)
{
	if (key_sk(k) == NULL)
		return key_sign(k, alg, data, sig, err);
	*err = (struct err){0};
	if (sign_once(k, alg, u, slice_of(NULL, 0), data, sig, err))
		return true;
	if (err->code != ERR_PASSPHRASE || u->batch)
		return false;
	struct buf pin = BUF_INIT_SECRET(SK_PIN_MAX);
	char *prompt = mem_fmt("Enter PIN for %s key %s: ", key_word(k), u->name ? u->name : "");
	bool ok = read_passphrase(prompt, 0, &pin, err) && pin.len > 0 && sign_once(k, alg, u, buf_slice(&pin), data, sig, err);
	mem_free(prompt);
	buf_clear(&pin);
	return ok;
}

static struct key *key_of(const struct sk_enrolled *m, struct err *err)
{
	struct pk_parts p = {.pub = m->public};
	struct sk_part sk = {m->application, m->handle, {NULL, 0}, m->flags};
	if (m->application.n > SK_PART_MAX || m->handle.n > SK_PART_MAX || slice_has_nul(m->application)) {
		err_set(err, ERR_PEER, "security key: a key that cannot be used");
		return NULL;
	}
	return key_take_sk(pk_from_parts(m->alg == SK_ED25519 ? PK_ED25519 : PK_P256, &p, err), &sk);
}

/* PROTOCOL.u2f of OpenSSH: what proves to others that the key lives in a token. */
static void put_attestation(const struct sk_enrolled *m, struct buf *out)
{
	put_cstring(out, "ssh-sk-attest-v01");
	put_string(out, m->cert);
	put_string(out, m->signature);
	put_string(out, m->authdata);
	put_u32(out, 0);
	put_string(out, slice_of(NULL, 0));
}

struct key *sk_enroll(struct sk_ask_enroll *q, const char *provider, struct buf *attest, bool *exists, struct err *err)
{
	struct sk_call call;
	struct sk_enrolled m;
	struct key *k = NULL;
	enum sk_failure why = SK_ERR_GENERAL;
	uint8_t fresh[CHALLENGE];
	*err = (struct err){0};
	if (q->challenge.n == 0) {
		random_bytes(fresh, sizeof fresh);
		q->challenge = slice_of(fresh, sizeof fresh);
	}
	q->version = SK_VERSION;
	q->provider = slice_str(provider);
	if (begin(&call, SK_ENROLL, q, err)) {
		if (finish(&call, SK_ENROLLED, &m, &why, err))
			k = m.alg == q->alg ? key_of(&m, err) : (err_set(err, ERR_PEER, "security key: a key of another type"), NULL);
		if (k && attest && m.authdata.n)
			put_attestation(&m, attest);
		sk_call_end(&call);
	}
	*exists = why == SK_ERR_EXISTS;
	return k;
}

bool sk_resident_load(const char *provider, const char *device, struct slice pin, struct sk_resident **list, size_t *n, struct err *err)
{
	struct sk_ask_resident q = {SK_VERSION, slice_str(provider), slice_str(device), pin};
	struct sk_call call;
	struct sk_keys m;
	enum sk_failure why;
	*list = NULL;
	*n = 0;
	*err = (struct err){0};
	if (!begin(&call, SK_LIST, &q, err))
		return false;
	bool ok = finish(&call, SK_KEYS, &m, &why, err);
	struct reader r = reader_of(ok ? m.keys : slice_of(NULL, 0));
	while (ok && reader_left(&r)) {
		struct sk_enrolled one;
		struct reader in = reader_of(get_string(&r));
		ok = (!r.bad && msg_decode_body(sk_enrolled_row, &in, &one) && get_end(&in)) || err_set(err, ERR_PEER, "security key: a malformed list of keys");
		struct key *k = ok ? key_of(&one, err) : NULL;
		if (k == NULL)
			continue;                               /* an odd key spoils no other */
		LIST_PUSH(*list, *n, ((struct sk_resident){k, BUF_INIT(1024)}));
		put_bytes(&(*list)[*n - 1].user, one.user);
	}
	sk_call_end(&call);
	return ok;
}

void sk_resident_free(struct sk_resident *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		key_free(list[i].key);
		buf_clear(&list[i].user);
	}
	mem_free(list);
}
