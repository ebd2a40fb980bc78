/* PEM texts: PKCS#8 (RFC 5958), SubjectPublicKeyInfo, and the older forms of RSA (RFC 8017, A.1) and
 * EC keys (RFC 5915), encrypted as RFC 1421 has it. libcrypto parses; what comes out is taken apart
 * and goes through the checks of pk_from_parts like any other key. */
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/decoder.h>
#include <openssl/encoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/pk_impl.h"

enum { TEXT_MAX = 1 << 20 };

static enum pk_kind kind_of(EVP_PKEY *key)
{
	static const struct { const char *group; enum pk_kind kind; } groups[] = {
		{"prime256v1", PK_P256}, {"P-256", PK_P256}, {"secp384r1", PK_P384}, {"P-384", PK_P384},
		{"secp521r1", PK_P521}, {"P-521", PK_P521},
	};
	char group[40];
	if (EVP_PKEY_is_a(key, "ED25519"))
		return PK_ED25519;
	if (EVP_PKEY_is_a(key, "RSA"))
		return PK_RSA;
	if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1)
		for (size_t i = 0; i < ARRAY_LEN(groups); i++)
			if (strcmp(group, groups[i].group) == 0)
				return groups[i].kind;
	return PK_NONE;
}

static bool text_has(struct slice text, const char *word)
{
	return text.n > 0 && memmem(text.p, text.n, word, strlen(word)) != NULL;
}

/* Selection 0 takes what is there; then private parts win over public ones. */
static EVP_PKEY *decode(struct slice text, struct slice pass)
{
	EVP_PKEY *key = NULL;
	const unsigned char *p = text.p;
	size_t n = text.n;
	static const unsigned char none;
	OSSL_DECODER_CTX *ctx = OSSL_DECODER_CTX_new_for_pkey(&key, "PEM", NULL, NULL, 0, NULL, NULL);
	crypto_must(ctx && OSSL_DECODER_CTX_set_passphrase(ctx, pass.n ? pass.p : &none, pass.n) == 1, "PEM");
	if (OSSL_DECODER_from_data(ctx, &p, &n) != 1) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	OSSL_DECODER_CTX_free(ctx);
	return key;
}

static struct pk *rebuild(EVP_PKEY *key, size_t text_len, struct err *err)
{
	enum pk_kind kind = kind_of(key);
	if (kind == PK_NONE) {
		err_set(err, ERR_UNSUPPORTED, "the key is neither Ed25519 nor RSA nor ECDSA over a NIST curve");
		EVP_PKEY_free(key);
		return NULL;
	}
	struct buf store = BUF_INIT_SECRET(text_len + 4096);    /* no number is longer than the text it stood in */
	struct pk_parts parts;
	struct pk *raw = pk_take(kind, key, false);
	raw->has_private = raw->ops->has_private(key);
	pk_parts(raw, &store, &parts);
	struct pk *pk = pk_from_parts(kind, &parts, err);
	pk_free(raw);
	buf_clear(&store);
	return pk;
}

struct pk *pk_from_x509(struct slice der, struct err *err)
{
	const unsigned char *p = der.p;
	crypto_ready();
	X509 *cert = der.n && der.n <= TEXT_MAX ? d2i_X509(NULL, &p, (long)der.n) : NULL;
	EVP_PKEY *key = cert ? X509_get_pubkey(cert) : NULL;
	X509_free(cert);
	ERR_clear_error();
	if (key)
		return rebuild(key, der.n, err);
	err_set(err, ERR_FORMAT, "no X.509 certificate with a key that can be used");
	return NULL;
}

struct pk *pk_from_pem(struct slice text, struct slice pass, struct err *err)
{
	bool encrypted = text_has(text, "ENCRYPTED");
	crypto_ready();
	if (text.n > TEXT_MAX) {
		err_set(err, ERR_LIMIT, "the key text is larger than %d bytes", TEXT_MAX);
		return NULL;
	}
	if (encrypted && pass.p == NULL) {
		err_set(err, ERR_PASSPHRASE, "the key needs a passphrase");
		return NULL;
	}
	ERR_set_mark();
	EVP_PKEY *key = text_has(text, "-----BEGIN ") ? decode(text, pass) : NULL;
	ERR_pop_to_mark();
	if (key)
		return rebuild(key, text.n, err);
	if (encrypted)
		err_set(err, ERR_PASSPHRASE, "wrong passphrase, or an encryption that is not supported");
	else
		err_set(err, ERR_FORMAT, "the text is no PEM key");
	return NULL;
}

/* The old form of an RSA public key, PKCS#1. */
static bool write_pkcs1_public(BIO *to, EVP_PKEY *key)
{
	OSSL_ENCODER_CTX *ctx = OSSL_ENCODER_CTX_new_for_pkey(key, EVP_PKEY_PUBLIC_KEY, "PEM", "pkcs1", NULL);
	bool ok = ctx && OSSL_ENCODER_to_bio(ctx, to) == 1;
	OSSL_ENCODER_CTX_free(ctx);
	return ok;
}

static bool write_text(BIO *to, const struct pk *pk, enum pk_pem form, struct slice pass)
{
	const unsigned char *word = pass.n ? pass.p : NULL;
	int n = (int)pass.n;
	const EVP_CIPHER *cipher = pass.n == 0 ? NULL : form == PK_PKCS8 ? EVP_aes_256_cbc() : EVP_aes_128_cbc();
	switch (form) {
	case PK_PEM:
		return PEM_write_bio_PrivateKey_traditional(to, pk->key, cipher, word, n, NULL, NULL) == 1;
	case PK_PKCS8:
		return PEM_write_bio_PKCS8PrivateKey(to, pk->key, cipher, (const char *)word, n, NULL, NULL) == 1;
	case PK_PEM_PUBLIC:
		if (pk->kind == PK_RSA)
			return write_pkcs1_public(to, pk->key);
		return PEM_write_bio_PUBKEY(to, pk->key) == 1;
	case PK_PKCS8_PUBLIC:
		return PEM_write_bio_PUBKEY(to, pk->key) == 1;
	}
	return false;
}

bool pk_to_pem(const struct pk *pk, enum pk_pem form, struct slice pass, struct buf *text, struct err *err)
{
	bool private = form == PK_PEM || form == PK_PKCS8;
	if (private && !pk->has_private)
		return err_set(err, ERR_MISSING, "there is no private key to write");
	if (form == PK_PEM && pk->kind == PK_ED25519)
		return err_set(err, ERR_UNSUPPORTED, "Ed25519 keys have no old PEM form: use PKCS8 or OpenSSH's own");
	if (pass.n > INT_MAX)
		return err_set(err, ERR_LIMIT, "the passphrase is too long");
	BIO *bio = BIO_new(private ? BIO_s_secmem() : BIO_s_mem());
	crypto_must(bio != NULL, "PEM");
	const unsigned char *p;
	ERR_set_mark();
	bool ok = write_text(bio, pk, form, pass) || err_set(err, ERR_SYSTEM, "libcrypto could not write the key");
	ERR_pop_to_mark();
	long n = BIO_get_mem_data(bio, &p);
	if (ok) {
		put_bytes(text, slice_of(p, (size_t)n));
		ok = !text->bad || err_set(err, ERR_LIMIT, "the key text does not fit");
	}
	BIO_free(bio);
	return ok;
}
