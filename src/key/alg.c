#include "key/key.h"

#include "base/mem.h"

/* spec: RFC 8709 (Ed25519), RFC 5656 (ECDSA), RFC 8332 (RSA with SHA-2), RFC 4253, 6.6 (ssh-rsa: SHA-1, off). */
static const struct key_alg algs[] = {
	{"ssh-ed25519", "ssh-ed25519", "ED25519", PK_ED25519, NULL, false},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "ECDSA", PK_P256, &hash_sha256, false},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "ECDSA", PK_P384, &hash_sha384, false},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "ECDSA", PK_P521, &hash_sha512, false},
	{"rsa-sha2-512", "ssh-rsa", "RSA", PK_RSA, &hash_sha512, false},
	{"rsa-sha2-256", "ssh-rsa", "RSA", PK_RSA, &hash_sha256, false},
	{"ssh-rsa", "ssh-rsa", "RSA", PK_RSA, &hash_sha1, true},
};

static const struct key_kind kinds[] = {
	{"ssh-ed25519", "ED25519", "ed25519", NULL, PK_ED25519, 256},
	{"ecdsa-sha2-nistp256", "ECDSA", "ecdsa", "nistp256", PK_P256, 256},
	{"ecdsa-sha2-nistp384", "ECDSA", "ecdsa", "nistp384", PK_P384, 384},
	{"ecdsa-sha2-nistp521", "ECDSA", "ecdsa", "nistp521", PK_P521, 521},
	{"ssh-rsa", "RSA", "rsa", NULL, PK_RSA, 0},
};

const struct key_alg *key_alg_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (slice_eq_str(name, algs[i].name))
			return &algs[i];
	return NULL;
}

const struct key_alg *key_alg_list(size_t *count)
{
	*count = ARRAY_LEN(algs);
	return algs;
}

const struct key_kind *key_kind_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (slice_eq_str(name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

const struct key_kind *key_kind_list(size_t *count)
{
	*count = ARRAY_LEN(kinds);
	return kinds;
}

const struct key_kind *key_kind_of(enum pk_kind kind)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].kind == kind)
			return &kinds[i];
	return NULL;
}
