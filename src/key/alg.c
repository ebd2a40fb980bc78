#include "key/key.h"

#include "base/mem.h"

#define CERT "-cert-v01@openssh.com"

enum {
	ED25519_CERT, P256_CERT, P384_CERT, P521_CERT, RSA_512_CERT, RSA_256_CERT,
	ED25519, P256, P384, P521, RSA_512, RSA_256, RSA_1, RSA_1_CERT,
};

/* spec: RFC 8709 (Ed25519), RFC 5656 (ECDSA), RFC 8332 (RSA with SHA-2), RFC 4253, 6.6 (ssh-rsa: SHA-1, off),
 * PROTOCOL.certkeys of OpenSSH. */
static const struct key_alg algs[] = {
	[ED25519_CERT] = {"ssh-ed25519" CERT, "ssh-ed25519" CERT, "ED25519-CERT", PK_ED25519, NULL, false, &algs[ED25519]},
	[P256_CERT] = {"ecdsa-sha2-nistp256" CERT, "ecdsa-sha2-nistp256" CERT, "ECDSA-CERT", PK_P256, &hash_sha256, false, &algs[P256]},
	[P384_CERT] = {"ecdsa-sha2-nistp384" CERT, "ecdsa-sha2-nistp384" CERT, "ECDSA-CERT", PK_P384, &hash_sha384, false, &algs[P384]},
	[P521_CERT] = {"ecdsa-sha2-nistp521" CERT, "ecdsa-sha2-nistp521" CERT, "ECDSA-CERT", PK_P521, &hash_sha512, false, &algs[P521]},
	[RSA_512_CERT] = {"rsa-sha2-512" CERT, "ssh-rsa" CERT, "RSA-CERT", PK_RSA, &hash_sha512, false, &algs[RSA_512]},
	[RSA_256_CERT] = {"rsa-sha2-256" CERT, "ssh-rsa" CERT, "RSA-CERT", PK_RSA, &hash_sha256, false, &algs[RSA_256]},
	[ED25519] = {"ssh-ed25519", "ssh-ed25519", "ED25519", PK_ED25519, NULL, false, NULL},
	[P256] = {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "ECDSA", PK_P256, &hash_sha256, false, NULL},
	[P384] = {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "ECDSA", PK_P384, &hash_sha384, false, NULL},
	[P521] = {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "ECDSA", PK_P521, &hash_sha512, false, NULL},
	[RSA_512] = {"rsa-sha2-512", "ssh-rsa", "RSA", PK_RSA, &hash_sha512, false, NULL},
	[RSA_256] = {"rsa-sha2-256", "ssh-rsa", "RSA", PK_RSA, &hash_sha256, false, NULL},
	[RSA_1] = {"ssh-rsa", "ssh-rsa", "RSA", PK_RSA, &hash_sha1, true, NULL},
	[RSA_1_CERT] = {"ssh-rsa" CERT, "ssh-rsa" CERT, "RSA-CERT", PK_RSA, &hash_sha1, true, &algs[RSA_1]},
};

static const struct key_kind kinds[] = {
	{"ssh-ed25519", "ssh-ed25519" CERT, "ED25519", "ed25519", NULL, PK_ED25519, 256},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" CERT, "ECDSA", "ecdsa", "nistp256", PK_P256, 256},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" CERT, "ECDSA", "ecdsa", "nistp384", PK_P384, 384},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" CERT, "ECDSA", "ecdsa", "nistp521", PK_P521, 521},
	{"ssh-rsa", "ssh-rsa" CERT, "RSA", "rsa", NULL, PK_RSA, 0},
};

const struct key_alg *key_alg_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(algs); i++)
		if (slice_eq_str(name, algs[i].name))
			return &algs[i];
	return NULL;
}

const struct key_alg *key_alg_plain(const struct key_alg *alg)
{
	return alg->plain ? alg->plain : alg;
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
