#include <openssl/crypto.h>
#include <openssl/evp.h>
#include "base/mem.h"
#include "crypto/evp.h"

static const struct hash_alg *const hashes[] = {&hash_md5, &hash_sha1, &hash_sha256, &hash_sha384, &hash_sha512};
static const char *const ciphers[] = {
	"AES-128-GCM", "AES-256-GCM", "ChaCha20", "AES-128-CTR", "AES-192-CTR", "AES-256-CTR",
	"AES-128-CBC", "AES-192-CBC", "AES-256-CBC", "DES-EDE3-CBC",
};
static const char *const macs[] = {"HMAC", "POLY1305"};
static const char *const keys[] = {"X25519", "ED25519", "EC", "RSA", "DH"};
static const char *const exchanges[] = {"X25519", "ECDH", "DH"};
static const char *const signatures[] = {"ED25519", "ECDSA", "RSA"};

const char *crypto_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION);
}

void crypto_start(void)
{
	uint8_t seed[16];
	crypto_ready_for_all();
	random_bytes(seed, sizeof seed);
	/* What the library refuses is no error here: the row will say so when it is asked for. */
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		crypto_md(hashes[i]);
	for (size_t i = 0; i < ARRAY_LEN(ciphers); i++)
		crypto_cipher(ciphers[i]);
	for (size_t i = 0; i < ARRAY_LEN(macs); i++)
		crypto_mac(macs[i]);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		EVP_KEYMGMT_free(EVP_KEYMGMT_fetch(NULL, keys[i], NULL));
	for (size_t i = 0; i < ARRAY_LEN(exchanges); i++)
		EVP_KEYEXCH_free(EVP_KEYEXCH_fetch(NULL, exchanges[i], NULL));
	for (size_t i = 0; i < ARRAY_LEN(signatures); i++)
		EVP_SIGNATURE_free(EVP_SIGNATURE_fetch(NULL, signatures[i], NULL));
}
