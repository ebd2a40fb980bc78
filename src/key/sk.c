#include "key/sk.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

enum { SIGNED_MAX = 64 << 10 };

void sk_put_private(const struct sk_part *sk, struct buf *out)
{
	put_u8(out, sk->flags);
	put_string(out, sk->handle);
	put_string(out, sk->reserved);
}

bool sk_get_private(struct reader *r, struct sk_part *sk)
{
	sk->flags = get_u8(r);
	sk->handle = get_string(r);
	sk->reserved = get_string(r);
	return !r->bad && sk->handle.n;
}

void sk_put_signed(struct buf *out, struct slice application, uint8_t flags, uint32_t counter, struct slice extensions, struct slice message_hash)
{
	uint8_t digest[HASH_MAX];
	hash_once(&hash_sha256, application, digest);
	put_bytes(out, slice_of(digest, hash_sha256.len));
	put_u8(out, flags);
	put_u32(out, counter);
	put_bytes(out, extensions);
	put_bytes(out, message_hash);
}

void sk_put_signature(struct buf *out, const struct key_alg *alg, struct slice body, uint8_t flags, uint32_t counter)
{
	put_cstring(out, key_alg_plain(alg)->name);
	put_string(out, body);
	put_u8(out, flags);
	put_u32(out, counter);
}

struct webauthn { struct slice origin, client_data, extensions; };

static void put_base64url(struct buf *out, struct slice data)
{
	size_t from = out->len;
	put_base64(out, data);
	while (out->len > from && out->p[out->len - 1] == '=')
		buf_truncate(out, out->len - 1);
	for (size_t i = from; i < out->len; i++)
		out->p[i] = out->p[i] == '+' ? '-' : out->p[i] == '/' ? '_' : out->p[i];
}

/* What a browser must have put first in its clientData for this challenge and origin. Other members follow. The
 * canonical order is that of Web Authentication, 5.8.1.1; a quote in the origin could forge it. */
static bool client_data_fits(const struct webauthn *w, struct slice challenge)
{
	struct buf expected = BUF_INIT(SIGNED_MAX);
	if (w->origin.n && memchr(w->origin.p, '"', w->origin.n))
		return false;
	put_str(&expected, "{\"type\":\"webauthn.get\",\"challenge\":\"");
	put_base64url(&expected, challenge);
	put_str(&expected, "\",\"origin\":\"");
	put_bytes(&expected, w->origin);
	put_str(&expected, "\"");
	bool fits = !expected.bad && w->client_data.n >= expected.len && slice_eq(slice_of(w->client_data.p, expected.len), buf_slice(&expected));
	buf_clear(&expected);
	return fits;
}

enum verdict sk_verify(const struct key *k, const struct key_alg *alg, struct slice data, struct slice body, struct reader *rest, struct sk_flags *flags)
{
	struct webauthn w = {0};
	uint8_t said = get_u8(rest), digest[HASH_MAX];
	uint32_t counter = get_u32(rest);
	if (alg->form == KEY_FORM_WEBAUTHN) {
		w.origin = get_string(rest);
		w.client_data = get_string(rest);
		w.extensions = get_string(rest);
	}
	if (!get_end(rest) || slice_has_nul(w.origin))
		return VERDICT_REFUSED;
	if (alg->form == KEY_FORM_WEBAUTHN
	    && (said & SK_ATTESTED || !(said & SK_EXTENDED) != (w.extensions.n == 0) || !client_data_fits(&w, data)))
		return VERDICT_REFUSED;
	hash_once(&hash_sha256, alg->form == KEY_FORM_WEBAUTHN ? w.client_data : data, digest);
	struct buf b = BUF_INIT(SIGNED_MAX);
	sk_put_signed(&b, key_sk(k)->application, said, counter, w.extensions, slice_of(digest, hash_sha256.len));
	enum verdict v = b.bad ? VERDICT_REFUSED : pk_verify(key_pk(k), alg->hash, buf_slice(&b), body);
	buf_clear(&b);
	*flags = (struct sk_flags){true, said & SK_TOUCHED, said & SK_VERIFIED, counter};
	return v;
}
