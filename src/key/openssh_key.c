#include "key/openssh_key.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "crypto/bcrypt_pbkdf.h"
#include "crypto/filecipher.h"
#include "key/sk.h"

#define BEGIN "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END "-----END OPENSSH PRIVATE KEY-----"
static const char magic[] = "openssh-key-v1";             /* with its NUL */
enum { SALT = 16, KEY_IV_MAX = 128, PLAIN_BLOCK = 8 };

struct container {
	struct slice cipher, kdf, options, public_blob, sealed, tag;
	const struct filecipher *how;                       /* NULL: not encrypted */
};

static struct key *fail(struct err *err, enum err_code code, const char *text)
{
	err_set(err, code, "%s", text);
	return NULL;
}

static bool unarmour(struct slice text, struct buf *out, struct err *err)
{
	const uint8_t *begin = memmem(text.p, text.n, BEGIN, sizeof BEGIN - 1);
	struct slice body = begin ? slice_from(text, (size_t)(begin - text.p) + sizeof BEGIN - 1) : slice_of(NULL, 0);
	const uint8_t *end = body.n ? memmem(body.p, body.n, END, sizeof END - 1) : NULL;
	if (end == NULL)
		return err_set(err, ERR_FORMAT, "the key file is cut: no end line");
	if (!get_base64(slice_of(body.p, (size_t)(end - body.p)), out))
		return err_set(err, ERR_FORMAT, "the key file is damaged: not base64");
	return true;
}

static bool parse(struct slice bytes, struct container *c, struct err *err)
{
	struct reader r = reader_of(bytes);
	struct slice head = get_bytes(&r, sizeof magic);
	c->cipher = get_string(&r);
	c->kdf = get_string(&r);
	c->options = get_string(&r);
	uint32_t count = get_u32(&r);
	c->public_blob = get_string(&r);
	c->sealed = get_string(&r);
	c->tag = get_rest(&r);
	if (r.bad || !slice_eq(head, slice_of(magic, sizeof magic)))
		return err_set(err, ERR_FORMAT, "the key file is damaged");
	if (count != 1)
		return err_set(err, ERR_UNSUPPORTED, "a file with %u keys is not supported, only with one", count);
	bool plain = slice_eq_str(c->cipher, "none");
	if (plain != slice_eq_str(c->kdf, "none"))
		return err_set(err, ERR_FORMAT, "the key file is damaged: cipher without kdf or kdf without cipher");
	if (!plain && !slice_eq_str(c->kdf, "bcrypt"))
		return err_set(err, ERR_UNSUPPORTED, "kdf %s is not supported", text_show(c->kdf));
	c->how = plain ? NULL : filecipher_find(c->cipher);
	if (!plain && c->how == NULL)
		return err_set(err, ERR_UNSUPPORTED, "cipher %s is not supported", text_show(c->cipher));
	size_t block = plain ? PLAIN_BLOCK : c->how->block;
	if (c->sealed.n == 0 || c->sealed.n % block || c->tag.n != (plain ? 0 : c->how->auth_len) || (plain && c->options.n))
		return err_set(err, ERR_FORMAT, "the key file is damaged: wrong length");
	return true;
}

static bool derive(const struct container *c, struct slice pass, uint8_t *key_iv, struct err *err)
{
	struct reader r = reader_of(c->options);
	struct slice salt = get_string(&r);
	uint32_t rounds = get_u32(&r);
	size_t n = (size_t)c->how->key_len + c->how->iv_len;
	if (!get_end(&r) || salt.n == 0 || rounds == 0 || n > KEY_IV_MAX)
		return err_set(err, ERR_FORMAT, "the key file is damaged: kdf options");
	if (rounds > KEYFILE_ROUNDS_MAX)
		return err_set(err, ERR_LIMIT, "the key file asks for %u rounds, more than %d", rounds, KEYFILE_ROUNDS_MAX);
	return bcrypt_pbkdf(pass, salt, rounds, key_iv, n) || err_set(err, ERR_FORMAT, "the key file is damaged: kdf options");
}

static bool open_section(const struct container *c, struct slice pass, struct buf *plain, struct err *err)
{
	uint8_t key_iv[KEY_IV_MAX];
	if (c->how == NULL) {
		put_bytes(plain, c->sealed);
		return true;
	}
	if (pass.n == 0)
		return err_set(err, ERR_PASSPHRASE, "the key needs a passphrase");
	bool ok = derive(c, pass, key_iv, err);
	if (ok && !filecipher_open(c->how, key_iv, c->sealed, c->tag, plain))
		ok = err_set(err, ERR_PASSPHRASE, "wrong passphrase");
	mem_wipe(key_iv, sizeof key_iv);
	return ok;
}

static bool padding_is_right(struct slice pad, size_t block)
{
	for (size_t i = 0; i < pad.n; i++)
		if (pad.p[i] != (uint8_t)(i + 1))
			return false;
	return pad.n < block;
}

static struct key *parse_section(const struct container *c, struct slice plain, struct buf *comment, struct err *err)
{
	struct reader r = reader_of(plain);
	uint32_t check = get_u32(&r), again = get_u32(&r);
	if (r.bad || check != again)
		return c->how ? fail(err, ERR_PASSPHRASE, "wrong passphrase") : fail(err, ERR_FORMAT, "the key file is damaged: check words differ");
	struct key *k = key_get_private(&r, err);
	struct slice text = get_string(&r), pad = get_rest(&r);
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	bool ok = false;
	if (k)
		key_blob(k, &blob);
	if (k == NULL)
		;
	else if (r.bad || slice_has_nul(text) || !padding_is_right(pad, c->how ? c->how->block : PLAIN_BLOCK))
		err_set(err, ERR_FORMAT, "the key file is damaged: comment or padding");
	else if (!slice_eq(buf_slice(&blob), c->public_blob))
		err_set(err, ERR_FORMAT, "the private key does not belong to the public key in the same file");
	else
		ok = true;
	buf_clear(&blob);
	if (ok && comment) {
		put_bytes(comment, text);
		ok = !comment->bad || err_set(err, ERR_LIMIT, "the comment is too long");
	}
	if (!ok) {
		key_free(k);
		k = NULL;
	}
	return k;
}

struct key *openssh_key_read(struct slice text, struct slice pass, struct buf *comment, struct err *err)
{
	struct buf bytes = BUF_INIT_SECRET(KEYFILE_MAX), plain = BUF_INIT_SECRET(KEYFILE_MAX);
	struct container c;
	struct key *k = NULL;
	if (unarmour(text, &bytes, err) && parse(buf_slice(&bytes), &c, err) && open_section(&c, pass, &plain, err))
		k = parse_section(&c, buf_slice(&plain), comment, err);
	buf_clear(&plain);
	buf_clear(&bytes);
	return k;
}

struct key *openssh_key_read_public(struct slice text, struct err *err)
{
	struct buf bytes = BUF_INIT_SECRET(KEYFILE_MAX);
	struct container c;
	struct key *k = NULL;
	if (unarmour(text, &bytes, err) && parse(buf_slice(&bytes), &c, err))
		k = key_from_blob(c.public_blob, err);
	buf_clear(&bytes);
	return k;
}

void key_put_private(const struct key *k, struct buf *out)
{
	struct buf store = BUF_INIT_SECRET(KEYFILE_MAX);
	struct pk_parts p;
	pk_parts(key_pk(k), &store, &p);
	const struct key_kind *kind = key_kind(k);
	put_cstring(out, kind->name);
	if (kind->sk) {
		key_put_public(k, out);
		sk_put_private(key_sk(k), out);
		buf_clear(&store);
		return;
	}
	switch (kind->kind) {
	case PK_ED25519:
		put_string(out, p.pub);
		put_u32(out, (uint32_t)(p.priv.n + p.pub.n));
		put_bytes(out, p.priv);
		put_bytes(out, p.pub);
		break;
	case PK_P256:
	case PK_P384:
	case PK_P521:
		put_cstring(out, kind->curve);
		put_string(out, p.pub);
		put_mpint(out, p.priv);
		break;
	case PK_MLDSA44_ED25519:
		put_string(out, p.pub);
		put_string(out, p.priv);
		break;
	case PK_RSA: {
		const struct slice numbers[] = {p.n, p.e, p.d, p.iqmp, p.p, p.q};
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
			put_mpint(out, numbers[i]);
		break;
	}
	case PK_NONE:
		break;
	}
	buf_clear(&store);
}

static bool get_parts(struct reader *r, const struct key_kind *kind, struct pk_parts *p)
{
	if (kind->kind == PK_RSA) {
		struct slice *const numbers[] = {&p->n, &p->e, &p->d, &p->iqmp, &p->p, &p->q};
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
			*numbers[i] = get_mpint(r);
		return !r->bad && p->d.n;
	}
	if (kind->curve) {
		bool fits = slice_eq_str(get_string(r), kind->curve);
		p->pub = get_string(r);
		p->priv = get_mpint(r);
		return fits && !r->bad && p->priv.n;
	}
	p->pub = get_string(r);
	if (kind->kind == PK_MLDSA44_ED25519) {
		p->priv = get_string(r);
		return !r->bad && p->priv.n;
	}
	struct slice both = get_string(r);
	if (r->bad || both.n != 64 || !slice_eq(slice_from(both, 32), p->pub))
		return false;
	p->priv = slice_of(both.p, 32);
	return true;
}

/* PROTOCOL.u2f: nothing here is secret to the token, so nothing proves that the halves belong together. */
static struct key *get_sk(struct reader *r, const struct key_kind *kind, struct err *err)
{
	struct key *public = key_get_public(r, kind, err), *k = NULL;
	if (public == NULL)
		return NULL;
	struct sk_part sk = *key_sk(public);
	if (!sk_get_private(r, &sk) || sk.handle.n > SK_PART_MAX || sk.reserved.n > SK_PART_MAX)
		fail(err, ERR_FORMAT, "the private key is malformed");
	else
		k = key_take_sk(pk_copy(key_pk(public)), &sk);
	key_free(public);
	return k;
}

struct key *key_get_private(struct reader *r, struct err *err)
{
	struct slice type = get_string(r);
	const struct key_kind *kind = r->bad ? NULL : key_kind_find(type);
	struct pk_parts parts = {0};
	if (r->bad)
		return fail(err, ERR_FORMAT, "the private key is cut");
	if (kind == NULL) {
		err_set(err, ERR_UNSUPPORTED, "key type %s is not supported", text_show(type));
		return NULL;
	}
	if (kind->sk)
		return get_sk(r, kind, err);
	if (!get_parts(r, kind, &parts))
		return fail(err, ERR_FORMAT, "the private key is malformed");
	return key_take_pk(pk_from_parts(kind->kind, &parts, err));
}

/* The section is padded so that it fills the cipher's blocks. */
static void put_section(const struct key *k, struct slice comment, size_t block, struct buf *out)
{
	uint8_t check[4];
	random_bytes(check, sizeof check);
	put_bytes(out, slice_of(check, sizeof check));
	put_bytes(out, slice_of(check, sizeof check));
	key_put_private(k, out);
	put_string(out, comment);
	for (uint8_t i = 1; out->len % block; i++)
		put_u8(out, i);
}

static bool seal_section(const struct keyfile_style *style, const struct filecipher *how, uint32_t rounds,
    struct slice salt, struct slice plain, struct buf *sealed, struct err *err)
{
	uint8_t key_iv[KEY_IV_MAX];
	size_t n = (size_t)how->key_len + how->iv_len;
	bool ok = n <= sizeof key_iv && bcrypt_pbkdf(style->pass, salt, rounds, key_iv, n) && filecipher_seal(how, key_iv, plain, sealed);
	mem_wipe(key_iv, sizeof key_iv);
	return ok || err_set(err, ERR_SYSTEM, "encrypting with %s failed", how->name);
}

static void put_container(const struct key *k, const struct filecipher *how, uint32_t rounds, struct slice salt, struct slice sealed, struct buf *out)
{
	struct buf options = BUF_INIT(256), blob = BUF_INIT(KEYFILE_MAX);
	if (how) {
		put_string(&options, salt);
		put_u32(&options, rounds);
	}
	key_blob(k, &blob);
	put_bytes(out, slice_of(magic, sizeof magic));
	put_cstring(out, how ? how->name : "none");
	put_cstring(out, how ? "bcrypt" : "none");
	put_string(out, buf_slice(&options));
	put_u32(out, 1);
	put_string(out, buf_slice(&blob));
	size_t tag = how ? how->auth_len : 0;
	put_string(out, slice_of(sealed.p, sealed.n - tag));
	put_bytes(out, slice_from(sealed, sealed.n - tag));
	buf_clear(&options);
	buf_clear(&blob);
}

bool openssh_key_write(const struct key *k, const struct keyfile_style *style, struct buf *out, struct err *err)
{
	struct slice name = style->cipher.n ? style->cipher : SLICE_LIT("aes256-ctr");
	const struct filecipher *how = style->pass.n ? filecipher_find(name) : NULL;
	uint32_t rounds = style->rounds ? style->rounds : KEYFILE_ROUNDS;
	uint8_t salt[SALT];
	if (style->pass.n && how == NULL)
		return err_set(err, ERR_UNSUPPORTED, "cipher %s is not supported for key files", text_show(name));
	if (rounds > KEYFILE_ROUNDS_MAX)
		return err_set(err, ERR_LIMIT, "at most %d rounds", KEYFILE_ROUNDS_MAX);
	struct buf plain = BUF_INIT_SECRET(KEYFILE_MAX), sealed = BUF_INIT_SECRET(KEYFILE_MAX), bytes = BUF_INIT_SECRET(KEYFILE_MAX);
	put_section(k, style->comment, how ? how->block : PLAIN_BLOCK, &plain);
	random_bytes(salt, sizeof salt);
	bool ok = true;
	if (how)
		ok = seal_section(style, how, rounds, slice_of(salt, sizeof salt), buf_slice(&plain), &sealed, err);
	if (ok) {
		put_container(k, how, rounds, slice_of(salt, sizeof salt), buf_slice(how ? &sealed : &plain), &bytes);
		put_str(out, BEGIN "\n");
		put_base64_lines(out, buf_slice(&bytes), 70);
		put_str(out, END "\n");
		ok = !(plain.bad || bytes.bad || out->bad) || err_set(err, ERR_LIMIT, "the key file would be too large");
	}
	buf_clear(&plain);
	buf_clear(&sealed);
	buf_clear(&bytes);
	return ok;
}
