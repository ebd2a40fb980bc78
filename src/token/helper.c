#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/fd.h"
#include "token/internal.h"

struct helper { struct token *token; struct buf frame; };

static bool answer(struct helper *h, uint8_t number, const void *m)
{
	struct buf body = BUF_INIT(TOKEN_FRAME_MAX), frame = BUF_INIT(TOKEN_FRAME_MAX + 4);
	msg_encode(token_msg_row(number), m, &body);
	put_string(&frame, buf_slice(&body));
	bool ok = !body.bad && !frame.bad && fd_write_all(STDOUT_FILENO, buf_slice(&frame), -1, NULL);
	buf_clear(&body);
	buf_clear(&frame);
	(void)h;
	return ok;
}

static bool fail(struct helper *h, const struct err *err)
{
	struct token_failed m = {slice_str(err->text)};
	return answer(h, TOKEN_FAILED, &m);
}

static bool on_open(struct helper *h, struct slice bytes)
{
	struct token_open m;
	struct err err = {0};
	if (h->token || !msg_decode(token_msg_row(TOKEN_OPEN), bytes, &m) || slice_has_nul(m.provider))
		return false;
	char *path = slice_dup(m.provider);
	h->token = token_open(path, m.pin, &err);
	mem_free(path);
	if (h->token == NULL)
		return fail(h, &err);
	struct buf list = BUF_INIT(TOKEN_FRAME_MAX);
	struct token_keys keys = {0};
	size_t n;
	const struct token_key *k = token_keys(h->token, &n);
	for (size_t i = 0; i < n; i++) {
		put_string(&list, buf_slice(&k[i].blob));
		put_cstring(&list, k[i].label);
	}
	keys.count = (uint32_t)n;
	keys.keys = buf_slice(&list);
	bool ok = !list.bad && answer(h, TOKEN_KEYS, &keys);
	buf_clear(&list);
	return ok;
}

static const struct token_key *find(struct helper *h, struct slice blob)
{
	size_t n;
	const struct token_key *k = token_keys(h->token, &n);
	for (size_t i = 0; i < n; i++)
		if (slice_eq(buf_slice(&k[i].blob), blob))
			return &k[i];
	return NULL;
}

static bool on_sign(struct helper *h, struct slice bytes)
{
	struct token_sign m;
	struct err err = {0};
	if (h->token == NULL || !msg_decode(token_msg_row(TOKEN_SIGN), bytes, &m))
		return false;
	const struct token_key *k = find(h, m.blob);
	const struct key_alg *alg = key_alg_find(m.algorithm);
	if (k == NULL || alg == NULL || key_alg_plain(alg) != alg || pk_kind(key_pk(k->public)) != alg->kind) {
		err_set(&err, ERR_MISSING, "no such key in the token");
		return fail(h, &err);
	}
	struct buf sig = BUF_INIT(TOKEN_FRAME_MAX);
	enum token_result r = token_sign(h->token, k, alg, m.data, m.pin, &sig, &err);
	struct token_signature s = {buf_slice(&sig)};
	struct token_pin_wanted w = {slice_str(token_label(h->token, k))};
	bool ok = r == TOKEN_SIGNED ? answer(h, TOKEN_SIGNATURE, &s) : r == TOKEN_WANTS_PIN ? answer(h, TOKEN_PIN_WANTED, &w) : fail(h, &err);
	buf_clear(&sig);
	return ok;
}

/* False: the end of the stream, or something that our programs never say. */
static bool serve_one(struct helper *h)
{
	uint8_t head[4];
	if (!fd_read_exact(STDIN_FILENO, (struct room){head, 4}, -1, NULL))
		return false;
	uint32_t n = load_u32(head);
	buf_reset(&h->frame);
	struct room room = n && n <= TOKEN_FRAME_MAX ? buf_room(&h->frame, n) : (struct room){NULL, 0};
	if (room.p == NULL || !fd_read_exact(STDIN_FILENO, room, -1, NULL))
		return false;
	buf_add(&h->frame, n);
	struct slice m = buf_slice(&h->frame);
	return m.p[0] == TOKEN_OPEN ? on_open(h, m) : m.p[0] == TOKEN_SIGN && on_sign(h, m);
}

int token_helper_main(void)
{
	struct helper h = {.frame = BUF_INIT_SECRET(TOKEN_FRAME_MAX)};
	struct token_hello hello = {TOKEN_VERSION};
	crypto_start();                                 /* before the library: many use libcrypto too */
	if (answer(&h, TOKEN_HELLO, &hello))
		while (serve_one(&h))
			;
	token_close(h.token);
	buf_clear(&h.frame);
	return 0;
}
