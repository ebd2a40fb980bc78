#include "sk/helper.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sk/provider.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "wire/sk_msg.h"

enum { PART_MAX = 64 << 10, KEYS_MAX = 1024, HEAD = 4 };

/* What the library wants as C strings. Empty ones become NULL. */
struct texts { char *provider, *application, *pin; struct sk_option device, user, *list[3]; };

static char *text_of(struct slice s)
{
	return s.n ? slice_dup(s) : NULL;
}

static void add_option(struct texts *t, struct sk_option *o, const char *name, struct slice value)
{
	size_t n = 0;
	while (t->list[n])
		n++;
	if (value.n == 0)
		return;
	*o = (struct sk_option){mem_str(name), slice_dup(value), 0};
	t->list[n] = o;
}

static void clear_texts(struct texts *t)
{
	mem_free(t->provider);
	mem_free(t->application);
	mem_free_secret(t->pin, t->pin ? strlen(t->pin) : 0);
	mem_free(t->device.name);
	mem_free(t->device.value);
	mem_free(t->user.name);
	mem_free(t->user.value);
}

static void put_answer(struct buf *out, uint8_t number, const void *m)
{
	struct buf body = BUF_INIT_SECRET(SK_FRAME_MAX);
	msg_encode(sk_msg_row(number), m, &body);
	put_string(out, buf_slice(&body));
	buf_clear(&body);
}

static void put_failure(struct buf *out, enum sk_failure code, const char *text)
{
	struct sk_failed f = {code, slice_str(text)};
	put_answer(out, SK_FAILED, &f);
}

/* A library's number, in words of ours. */
static void put_library_failure(struct buf *out, int said)
{
	static const struct { int said; enum sk_failure code; const char *text; } rows[] = {
		{SK_API_UNSUPPORTED, SK_ERR_UNSUPPORTED, "the security key does not offer what was asked for"},
		{SK_API_PIN_REQUIRED, SK_ERR_PIN, "the security key wants its PIN"},
		{SK_API_NO_DEVICE, SK_ERR_NO_DEVICE, "no security key that fits was found"},
		{SK_API_EXISTS, SK_ERR_EXISTS, "the security key holds such a key already"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].said == said) {
			put_failure(out, rows[i].code, rows[i].text);
			return;
		}
	put_failure(out, SK_ERR_GENERAL, "the security key refused, or its library failed");
}

static bool open_provider(const struct texts *t, struct sk_provider *p, struct buf *out)
{
	struct err err = {0};
	if (sk_provider_open(t->provider ? t->provider : "", p, &err))
		return true;
	put_failure(out, SK_ERR_GENERAL, err.text);
	return false;
}

static struct slice bytes_of(const uint8_t *p, size_t n)
{
	return p && n <= PART_MAX ? slice_of(p, n) : slice_of(NULL, 0);
}

static bool enrolled_of(const struct sk_enroll_response *r, uint32_t alg, const char *application, struct sk_enrolled *m)
{
	*m = (struct sk_enrolled){.alg = alg, .public = bytes_of(r->public_key, r->public_key_len), .application = slice_str(application),
		.handle = bytes_of(r->key_handle, r->key_handle_len), .flags = r->flags, .signature = bytes_of(r->signature, r->signature_len),
		.cert = bytes_of(r->attestation_cert, r->attestation_cert_len), .authdata = bytes_of(r->authdata, r->authdata_len)};
	return m->public.n == (alg == SK_ED25519 ? 32 : 65) && m->handle.n;
}

static void enroll(struct slice bytes, struct buf *out)
{
	struct sk_ask_enroll q;
	struct sk_provider p;
	struct sk_enroll_response *r = NULL;
	struct sk_enrolled m;
	if (!msg_decode(sk_msg_row(SK_ENROLL), bytes, &q) || q.alg > SK_ED25519) {
		put_failure(out, SK_ERR_GENERAL, "malformed ask");
		return;
	}
	struct texts t = {.provider = text_of(q.provider), .application = slice_dup(q.application), .pin = text_of(q.pin)};
	add_option(&t, &t.device, "device", q.device);
	add_option(&t, &t.user, "user", q.user);
	if (open_provider(&t, &p, out)) {
		int said = p.enroll(q.alg, q.challenge.p, q.challenge.n, t.application, q.flags, t.pin, t.list, &r);
		if (said != 0 || r == NULL)
			put_library_failure(out, said);
		else if (!enrolled_of(r, q.alg, t.application, &m))
			put_failure(out, SK_ERR_GENERAL, "the library made no key");
		else
			put_answer(out, SK_ENROLLED, &m);
	}
	sk_enroll_response_free(r);
	clear_texts(&t);
}

static bool body_of(const struct sk_sign_response *r, uint32_t alg, struct buf *body)
{
	struct slice first = bytes_of(r->sig_r, r->sig_r_len), second = bytes_of(r->sig_s, r->sig_s_len);
	if (alg == SK_ED25519) {
		put_bytes(body, first);
		return first.n == 64;
	}
	put_mpint(body, first);
	put_mpint(body, second);
	return first.n && second.n && first.n <= 33 && second.n <= 33;
}

static void sign(struct slice bytes, struct buf *out)
{
	struct sk_ask_sign q;
	struct sk_provider p;
	struct sk_sign_response *r = NULL;
	struct buf body = BUF_INIT(256);
	if (!msg_decode(sk_msg_row(SK_SIGN), bytes, &q) || q.alg > SK_ED25519) {
		put_failure(out, SK_ERR_GENERAL, "malformed ask");
		return;
	}
	struct texts t = {.provider = text_of(q.provider), .application = slice_dup(q.application), .pin = text_of(q.pin)};
	if (open_provider(&t, &p, out)) {
		int said = p.sign(q.alg, q.data.p, q.data.n, t.application, q.handle.p, q.handle.n, q.flags, t.pin, t.list, &r);
		if (said != 0 || r == NULL) {
			put_library_failure(out, said);
		} else if (!body_of(r, q.alg, &body)) {
			put_failure(out, SK_ERR_GENERAL, "the library made no signature");
		} else {
			struct sk_signed m = {r->flags, r->counter, buf_slice(&body)};
			put_answer(out, SK_SIGNED, &m);
		}
	}
	sk_sign_response_free(r);
	clear_texts(&t);
	buf_clear(&body);
}

static void put_keys(struct sk_resident_key **keys, size_t n, struct buf *out)
{
	struct buf list = BUF_INIT_SECRET(SK_FRAME_MAX), one = BUF_INIT_SECRET(SK_FRAME_MAX);
	for (size_t i = 0; i < n && i < KEYS_MAX; i++) {
		struct sk_enrolled m;
		if (keys[i]->alg > SK_ED25519 || !enrolled_of(&keys[i]->key, keys[i]->alg, keys[i]->application, &m))
			continue;                               /* a kind of key that SSH has no use for */
		m.flags = keys[i]->flags;
		m.user = bytes_of(keys[i]->user_id, keys[i]->user_id_len);
		buf_reset(&one);
		msg_encode_body(sk_enrolled_row, &m, &one);
		put_string(&list, buf_slice(&one));
	}
	struct sk_keys m = {buf_slice(&list)};
	put_answer(out, SK_KEYS, &m);
	buf_clear(&one);
	buf_clear(&list);
}

static void resident(struct slice bytes, struct buf *out)
{
	struct sk_ask_resident q;
	struct sk_provider p;
	struct sk_resident_key **keys = NULL;
	size_t n = 0;
	if (!msg_decode(sk_msg_row(SK_LIST), bytes, &q)) {
		put_failure(out, SK_ERR_GENERAL, "malformed ask");
		return;
	}
	struct texts t = {.provider = text_of(q.provider), .pin = text_of(q.pin)};
	add_option(&t, &t.device, "device", q.device);
	if (open_provider(&t, &p, out)) {
		int said = p.resident(t.pin, t.list, &keys, &n);
		if (said != 0)
			put_library_failure(out, said);
		else
			put_keys(keys, n, out);
	}
	sk_resident_keys_free(keys, n);
	clear_texts(&t);
}

static void answer(struct slice bytes, struct buf *out)
{
	static const struct { uint8_t number; void (*run)(struct slice, struct buf *); } rows[] = {
		{SK_ENROLL, enroll}, {SK_SIGN, sign}, {SK_LIST, resident},
	};
	struct reader r = reader_of(bytes);
	uint8_t number = get_u8(&r);
	uint32_t version = get_u32(&r);
	if (r.bad || version != SK_VERSION) {
		put_failure(out, SK_ERR_UNSUPPORTED, "ssh-sk-helper is of another version than the program that asks it");
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == number) {
			rows[i].run(bytes, out);
			return;
		}
	put_failure(out, SK_ERR_UNSUPPORTED, "ssh-sk-helper does not know this ask");
}

/* The library may be anybody's: it gets no rights by set-uid programs, leaves no core, and is gone with who asked. A tighter
 * jail would keep tokens from it that it reaches over USB, NFC, a socket or a network. */
static void confine(void)
{
	proc_no_core();
	proc_not_dumpable();
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

int sk_helper_main(void)
{
	struct buf ask = BUF_INIT_SECRET(SK_FRAME_MAX), out = BUF_INIT_SECRET(SK_FRAME_MAX + HEAD);
	struct err err = {0};
	uint8_t head[HEAD];
	confine();
	bool ok = fd_read_exact(STDIN_FILENO, (struct room){head, sizeof head}, -1, &err);
	uint32_t n = ok ? load_u32(head) : 0;
	if (ok && (n == 0 || n > SK_FRAME_MAX))
		ok = err_set(&err, ERR_FORMAT, "an ask of %u bytes", n);
	if (ok) {
		struct room room = buf_room(&ask, n);
		ok = fd_read_exact(STDIN_FILENO, (struct room){room.p, n}, -1, &err);
		buf_add(&ask, ok ? n : 0);
	}
	if (ok) {
		answer(buf_slice(&ask), &out);
		ok = fd_write_all(STDOUT_FILENO, buf_slice(&out), -1, &err);
	}
	if (!ok)
		fprintf(stderr, "ssh-sk-helper: %s\n", err.text);
	buf_clear(&ask);
	buf_clear(&out);
	return ok ? 0 : 1;
}
