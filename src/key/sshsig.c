#include "key/sshsig.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

#define BEGIN "-----BEGIN SSH SIGNATURE-----"
#define END "-----END SSH SIGNATURE-----"
#define MAGIC "SSHSIG"
enum { VERSION = 1 };

static bool hash_is_right(const struct hash_alg *h)
{
	return h == &hash_sha256 || h == &hash_sha512;
}

static bool unarmour(struct slice text, struct buf *blob, struct err *err)
{
	text = slice_trim(text);
	if (text.n > SSHSIG_MAX)
		return err_set(err, ERR_LIMIT, "signature larger than %d bytes", SSHSIG_MAX);
	if (!slice_has_prefix(text, BEGIN))
		return err_set(err, ERR_FORMAT, "not a signature: no line \"" BEGIN "\"");
	text = slice_from(text, sizeof BEGIN - 1);
	const uint8_t *end = text.n ? memmem(text.p, text.n, "\n" END, sizeof END) : NULL;
	if (end == NULL || (size_t)(end - text.p) + sizeof END != text.n || !get_base64(slice_of(text.p, (size_t)(end - text.p)), blob))
		return err_set(err, ERR_FORMAT, "signature is cut or damaged");
	return true;
}

static bool take_signer(struct sshsig *s, struct slice blob, struct err *err)
{
	struct reader r = reader_of(blob);
	if (cert_kind_find(get_string(&r)) == NULL)
		s->key = key_from_blob(blob, err);
	else if ((s->cert = cert_from_blob(blob, err)) != NULL)
		s->key = key_copy(s->cert->key);
	return s->key != NULL;
}

static bool parse(struct sshsig *s, struct err *err)
{
	struct reader r = reader_of(buf_slice(&s->blob));
	struct slice magic = get_bytes(&r, sizeof MAGIC - 1);
	uint32_t version = get_u32(&r);
	struct slice signer = get_string(&r);
	s->space = get_string(&r);
	struct slice reserved = get_string(&r), hash = get_string(&r);
	s->signature = get_string(&r);
	if (!slice_eq_str(magic, MAGIC) || !get_end(&r))
		return err_set(err, ERR_FORMAT, "signature is cut or damaged");
	if (version != VERSION)
		return err_set(err, ERR_UNSUPPORTED, "signature version %u is not supported", version);
	s->hash = hash_find(hash);
	if (!hash_is_right(s->hash))
		return err_set(err, ERR_UNSUPPORTED, "signature with hash %s is not supported", text_show(hash));
	(void)reserved;                                 /* to be ignored by version 1 */
	return take_signer(s, signer, err);
}

struct sshsig *sshsig_read(struct slice text, struct err *err)
{
	struct sshsig *s = mem_new(sizeof *s);
	s->blob = BUF_INIT(SSHSIG_MAX);
	if (unarmour(text, &s->blob, err) && parse(s, err))
		return s;
	sshsig_free(s);
	return NULL;
}

void sshsig_free(struct sshsig *s)
{
	if (s == NULL)
		return;
	key_free(s->key);
	cert_free(s->cert);
	buf_clear(&s->blob);
	mem_free(s);
}

void sshsig_put_covered(struct slice space, const struct hash_alg *hash, struct slice digest, struct buf *out)
{
	put_str(out, MAGIC);
	put_string(out, space);
	put_string(out, slice_of(NULL, 0));
	put_cstring(out, hash->name);
	put_string(out, digest);
}

enum verdict sshsig_verify(const struct sshsig *s, struct slice space, struct slice digest, struct err *err)
{
	struct reader name = reader_of(s->signature);
	const struct key_alg *alg = key_alg_find(get_string(&name));
	struct buf data = BUF_INIT(SSHSIG_NAMESPACE_MAX + 256);
	enum verdict v = VERDICT_REFUSED;
	if (space.n == 0 || !slice_eq(space, s->space)) {
		err_set(err, ERR_DENIED, "namespace does not match");
		return v;
	}
	sshsig_put_covered(space, s->hash, digest, &data);
	struct sk_flags flags;                          /* whether it was touched is the business of whoever gives it a meaning */
	if (alg && alg->hash != &hash_sha1 && !data.bad)
		v = key_verify_sk(s->key, alg, buf_slice(&data), s->signature, &flags);
	if (v != VERDICT_VERIFIED)
		err_set(err, ERR_DENIED, "incorrect signature");
	buf_clear(&data);
	return v;
}

const struct key_alg *sshsig_alg(const struct key *k, const struct hash_alg *hash, struct slice space, struct err *err)
{
	size_t n, i = 0;
	const struct key_alg *algs = key_alg_list(&n);
	while (i < n && strcmp(algs[i].type, key_type(k)) != 0)     /* the first is the strongest: rsa-sha2-512 */
		i++;
	if (space.n && space.n <= SSHSIG_NAMESPACE_MAX && hash_is_right(hash) && i < n)
		return &algs[i];
	err_set(err, ERR_USAGE, "a signature needs a namespace, and sha256 or sha512");
	return NULL;
}

void sshsig_put(struct slice signer, struct slice space, const struct hash_alg *hash, struct slice signature, struct buf *text)
{
	struct buf blob = BUF_INIT(SSHSIG_MAX);
	put_str(&blob, MAGIC);
	put_u32(&blob, VERSION);
	put_string(&blob, signer);
	put_string(&blob, space);
	put_string(&blob, slice_of(NULL, 0));
	put_cstring(&blob, hash->name);
	put_string(&blob, signature);
	put_str(text, BEGIN "\n");
	put_base64_lines(text, buf_slice(&blob), 70);
	put_str(text, END "\n");
	buf_clear(&blob);
}

bool sshsig_make(const struct key *k, struct slice signer, const struct hash_alg *hash, struct slice space, struct slice digest, struct buf *text, struct err *err)
{
	const struct key_alg *alg = sshsig_alg(k, hash, space, err);
	struct buf data = BUF_INIT(SSHSIG_MAX), sig = BUF_INIT(SSHSIG_MAX);
	if (alg == NULL)
		return false;
	sshsig_put_covered(space, hash, digest, &data);
	bool ok = key_sign(k, alg, buf_slice(&data), &sig, err);
	if (ok)
		sshsig_put(signer, space, hash, buf_slice(&sig), text);
	buf_clear(&data);
	buf_clear(&sig);
	return ok;
}
