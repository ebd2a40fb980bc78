#include "crypto/evp.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* Handles that were fetched so far. Names are literals of crypto/, a dozen at most. */
struct fetched { const char *name; void *handle; };
enum { FETCHED_MAX = 16 };
struct cache { struct fetched list[FETCHED_MAX]; size_t count; };
static struct cache digests, ciphers, macs;

/* The PEM code of libcrypto knows ciphers and digests by number, and a number is given when an
 * algorithm is first fetched, from the names that are known by then. */
static void add_names_for_pem(void)
{
	const EVP_CIPHER *const needed[] = {EVP_aes_128_cbc(), EVP_aes_192_cbc(), EVP_aes_256_cbc(), EVP_des_ede3_cbc()};
	const EVP_MD *const prfs[] = {EVP_md5(), EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512()};
	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		EVP_add_cipher(needed[i]);
	for (size_t i = 0; i < ARRAY_LEN(prfs); i++)
		EVP_add_digest(prfs[i]);
}

/* Without its tables of old names libcrypto starts in half the time. Only foreign code in the
 * process (PAM modules) may look into those, and our PEM reader. Likewise a generator over a hash
 * spares a client that never needs them the set-up of all ciphers. */
static void initialise(uint64_t flags)
{
	static bool done;
	if (done)
		return;
	done = true;
	bool ok = OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT | flags, NULL) == 1;
	crypto_must(ok && RAND_set_DRBG_type(NULL, "HASH-DRBG", NULL, NULL, "SHA512") == 1, "initialise");
	add_names_for_pem();
}

void crypto_ready(void)
{
	initialise(OPENSSL_INIT_NO_ADD_ALL_CIPHERS | OPENSSL_INIT_NO_ADD_ALL_DIGESTS);
}

void crypto_ready_for_all(void)
{
	initialise(OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS);
}

void crypto_must(bool ok, const char *what)
{
	if (ok)
		return;
	char text[100];
	snprintf(text, sizeof text, "libcrypto failed: %s", what);
	mem_abort(text);
}

bool crypto_restricted(void)
{
	crypto_ready();
	return EVP_default_properties_is_fips_enabled(NULL) == 1;
}

void *crypto_aligned(size_t n)
{
	size_t whole = (n + 63) / 64 * 64;
	void *p = aligned_alloc(64, whole);
	crypto_must(p != NULL, "out of memory");
	return memset(p, 0, whole);
}

static struct fetched *slot(struct cache *c, const char *name)
{
	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->list[i].name, name) == 0)
			return &c->list[i];
	assert(c->count < FETCHED_MAX);
	crypto_ready();
	c->list[c->count] = (struct fetched){name, NULL};
	return &c->list[c->count];
}

const EVP_MD *crypto_md(const struct hash_alg *alg)
{
	struct fetched *f = slot(&digests, alg->name);
	if (f->handle == NULL && (f->handle = EVP_MD_fetch(NULL, f->name, NULL)) != NULL)
		digests.count++;
	return f->handle;
}

EVP_CIPHER *crypto_cipher(const char *name)
{
	struct fetched *f = slot(&ciphers, name);
	if (f->handle == NULL && (f->handle = EVP_CIPHER_fetch(NULL, f->name, NULL)) != NULL)
		ciphers.count++;
	return f->handle;
}

EVP_MAC *crypto_mac(const char *name)
{
	struct fetched *f = slot(&macs, name);
	if (f->handle == NULL && (f->handle = EVP_MAC_fetch(NULL, f->name, NULL)) != NULL)
		macs.count++;
	return f->handle;
}
