/* ML-KEM-768: libcrypto's where it has one (3.5 and newer), else our own. */
#include <assert.h>
#include <openssl/evp.h>
#include "base/mem.h"
#include "crypto/evp.h"
#include "crypto/kem_impl.h"
#include "crypto/mlkem768.h"

static_assert((size_t)MLKEM768_SECRET <= PQ_SECRET_MAX, "room for the secret key");

#if OPENSSL_VERSION_NUMBER >= 0x30500000L
#include <openssl/core_names.h>

/* sk is FIPS 203's decapsulation key, as with our own code: the EVP_PKEY lives only within a call. */
static void keypair(uint8_t *pk, uint8_t *sk)
{
	size_t n = MLKEM768_PUBLIC, m = MLKEM768_SECRET;
	crypto_ready();
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768");
	crypto_must(key && EVP_PKEY_get_raw_public_key(key, pk, &n) == 1 && n == MLKEM768_PUBLIC &&
	            EVP_PKEY_get_raw_private_key(key, sk, &m) == 1 && m == MLKEM768_SECRET, "ML-KEM key");
	EVP_PKEY_free(key);
}

static bool encaps(uint8_t *ct, uint8_t *shared, const uint8_t *pk)
{
	size_t n = MLKEM768_CIPHERTEXT, m = MLKEM768_SHARED;
	crypto_ready();
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ML-KEM-768", NULL, pk, MLKEM768_PUBLIC);
	if (key == NULL)
		return false;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	crypto_must(ctx && EVP_PKEY_encapsulate_init(ctx, NULL) == 1, "ML-KEM");
	bool ok = EVP_PKEY_encapsulate(ctx, ct, &n, shared, &m) == 1 && n == MLKEM768_CIPHERTEXT && m == MLKEM768_SHARED;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}

static bool decaps(uint8_t *shared, const uint8_t *ct, const uint8_t *sk)
{
	size_t m = MLKEM768_SHARED;
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ML-KEM-768", NULL, sk, MLKEM768_SECRET);
	EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
	crypto_must(ctx && EVP_PKEY_decapsulate_init(ctx, NULL) == 1, "ML-KEM");
	bool ok = EVP_PKEY_decapsulate(ctx, shared, &m, ct, MLKEM768_CIPHERTEXT) == 1 && m == MLKEM768_SHARED;
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	return ok;
}
#else
static void keypair(uint8_t *pk, uint8_t *sk)
{
	uint8_t seed[MLKEM768_SEED];
	random_bytes(seed, sizeof seed);
	mlkem768_keypair(pk, sk, seed);
	mem_wipe(seed, sizeof seed);
}

static bool encaps(uint8_t *ct, uint8_t *shared, const uint8_t *pk)
{
	uint8_t message[MLKEM768_MESSAGE];
	random_bytes(message, sizeof message);
	bool ok = mlkem768_encaps(ct, shared, pk, message);
	mem_wipe(message, sizeof message);
	return ok;
}

static bool decaps(uint8_t *shared, const uint8_t *ct, const uint8_t *sk)
{
	mlkem768_decaps(shared, ct, sk);
	return true;
}
#endif

const struct pq pq_mlkem768 = {
	MLKEM768_PUBLIC, MLKEM768_SECRET, MLKEM768_CIPHERTEXT, MLKEM768_SHARED, keypair, encaps, decaps,
};
