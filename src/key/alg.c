#include "key/key.h"

#include "base/mem.h"

#define CERT "-cert-v01@openssh.com"
#define AT "@openssh.com"
#define SK_P256_NAME "sk-ecdsa-sha2-nistp256"

enum {
	ED25519_CERT, P256_CERT, P384_CERT, P521_CERT, SK_ED25519_CERT, SK_P256_CERT, WEBAUTHN_CERT, RSA_512_CERT, RSA_256_CERT,
	ED25519, P256, P384, P521, SK_ED25519, SK_P256, WEBAUTHN, RSA_512, RSA_256, RSA_1, RSA_1_CERT, MLDSA44, MLDSA44_CERT,
};

/* spec: RFC 8709 (Ed25519), RFC 5656 (ECDSA), RFC 8332 (RSA with SHA-2), RFC 4253, 6.6 (ssh-rsa: SHA-1, off),
 * PROTOCOL.certkeys and PROTOCOL.u2f of OpenSSH,
 * draft-miller-sshm-mldsa44-ed25519-composite-sigs (off, as in OpenSSH 10.5). */
static const struct key_alg algs[] = {
	[ED25519_CERT] = {"ssh-ed25519" CERT, "ssh-ed25519" CERT, "ED25519-CERT", PK_ED25519, NULL, false, KEY_FORM_PLAIN, &algs[ED25519]},
	[P256_CERT] = {"ecdsa-sha2-nistp256" CERT, "ecdsa-sha2-nistp256" CERT, "ECDSA-CERT", PK_P256, &hash_sha256, false, KEY_FORM_PLAIN, &algs[P256]},
	[P384_CERT] = {"ecdsa-sha2-nistp384" CERT, "ecdsa-sha2-nistp384" CERT, "ECDSA-CERT", PK_P384, &hash_sha384, false, KEY_FORM_PLAIN, &algs[P384]},
	[P521_CERT] = {"ecdsa-sha2-nistp521" CERT, "ecdsa-sha2-nistp521" CERT, "ECDSA-CERT", PK_P521, &hash_sha512, false, KEY_FORM_PLAIN, &algs[P521]},
	[SK_ED25519_CERT] = {"sk-ssh-ed25519" CERT, "sk-ssh-ed25519" CERT, "ED25519-SK-CERT", PK_ED25519, NULL, false, KEY_FORM_SK, &algs[SK_ED25519]},
	[SK_P256_CERT] = {SK_P256_NAME CERT, SK_P256_NAME CERT, "ECDSA-SK-CERT", PK_P256, &hash_sha256, false, KEY_FORM_SK, &algs[SK_P256]},
	[WEBAUTHN_CERT] = {"webauthn-" SK_P256_NAME CERT, SK_P256_NAME CERT, "ECDSA-SK-CERT", PK_P256, &hash_sha256, false, KEY_FORM_WEBAUTHN, &algs[WEBAUTHN]},
	[RSA_512_CERT] = {"rsa-sha2-512" CERT, "ssh-rsa" CERT, "RSA-CERT", PK_RSA, &hash_sha512, false, KEY_FORM_PLAIN, &algs[RSA_512]},
	[RSA_256_CERT] = {"rsa-sha2-256" CERT, "ssh-rsa" CERT, "RSA-CERT", PK_RSA, &hash_sha256, false, KEY_FORM_PLAIN, &algs[RSA_256]},
	[ED25519] = {"ssh-ed25519", "ssh-ed25519", "ED25519", PK_ED25519, NULL, false, KEY_FORM_PLAIN, NULL},
	[P256] = {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "ECDSA", PK_P256, &hash_sha256, false, KEY_FORM_PLAIN, NULL},
	[P384] = {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "ECDSA", PK_P384, &hash_sha384, false, KEY_FORM_PLAIN, NULL},
	[P521] = {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "ECDSA", PK_P521, &hash_sha512, false, KEY_FORM_PLAIN, NULL},
	[SK_ED25519] = {"sk-ssh-ed25519" AT, "sk-ssh-ed25519" AT, "ED25519-SK", PK_ED25519, NULL, false, KEY_FORM_SK, NULL},
	[SK_P256] = {SK_P256_NAME AT, SK_P256_NAME AT, "ECDSA-SK", PK_P256, &hash_sha256, false, KEY_FORM_SK, NULL},
	[WEBAUTHN] = {"webauthn-" SK_P256_NAME AT, SK_P256_NAME AT, "ECDSA-SK", PK_P256, &hash_sha256, false, KEY_FORM_WEBAUTHN, NULL},
	[RSA_512] = {"rsa-sha2-512", "ssh-rsa", "RSA", PK_RSA, &hash_sha512, false, KEY_FORM_PLAIN, NULL},
	[RSA_256] = {"rsa-sha2-256", "ssh-rsa", "RSA", PK_RSA, &hash_sha256, false, KEY_FORM_PLAIN, NULL},
	[RSA_1] = {"ssh-rsa", "ssh-rsa", "RSA", PK_RSA, &hash_sha1, true, KEY_FORM_PLAIN, NULL},
	[MLDSA44] = {"ssh-mldsa44-ed25519" AT, "ssh-mldsa44-ed25519" AT, "MLDSA44-ED25519", PK_MLDSA44_ED25519, NULL, true, KEY_FORM_PLAIN, NULL},
	[MLDSA44_CERT] = {"ssh-mldsa44-ed25519" CERT, "ssh-mldsa44-ed25519" CERT, "MLDSA44-ED25519-CERT", PK_MLDSA44_ED25519, NULL, true, KEY_FORM_PLAIN, &algs[MLDSA44]},
	[RSA_1_CERT] = {"ssh-rsa" CERT, "ssh-rsa" CERT, "RSA-CERT", PK_RSA, &hash_sha1, true, KEY_FORM_PLAIN, &algs[RSA_1]},
};

static const struct key_kind kinds[] = {
	{"ssh-ed25519", "ssh-ed25519" CERT, "ED25519", "ed25519", NULL, PK_ED25519, 256, false},
	{"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256" CERT, "ECDSA", "ecdsa", "nistp256", PK_P256, 256, false},
	{"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384" CERT, "ECDSA", "ecdsa", "nistp384", PK_P384, 384, false},
	{"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521" CERT, "ECDSA", "ecdsa", "nistp521", PK_P521, 521, false},
	{"sk-ssh-ed25519" AT, "sk-ssh-ed25519" CERT, "ED25519-SK", "ed25519-sk", NULL, PK_ED25519, 256, true},
	{SK_P256_NAME AT, SK_P256_NAME CERT, "ECDSA-SK", "ecdsa-sk", "nistp256", PK_P256, 256, true},
	{"ssh-rsa", "ssh-rsa" CERT, "RSA", "rsa", NULL, PK_RSA, 0, false},
	{"ssh-mldsa44-ed25519" AT, "ssh-mldsa44-ed25519" CERT, "MLDSA44-ED25519", "mldsa44-ed25519", NULL, PK_MLDSA44_ED25519, 256, false},
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
		if (kinds[i].kind == kind && !kinds[i].sk)
			return &kinds[i];
	return NULL;
}
