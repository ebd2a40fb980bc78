/* A security key in software, for tests: a library with OpenSSH's interface, version 10. Not installed, and no secret is safe
 * with it: the private key stands in the handle.
 *
 * HAWSER_SOFT_PIN: the PIN that it wants for keys that ask for verification. HAWSER_SOFT_FOLDER: where resident keys are kept.
 * HAWSER_SOFT_LAZY: nobody touches it.
 */
#include <errno.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sk/api.h"

enum { TOUCH = 1, VERIFY = 4, FORCE = 0x10, RESIDENT = 0x20 };
enum { DER_MAX = 256, HANDLE_MAX = 512 };

uint32_t sk_api_version(void);
sk_enroll_fn sk_enroll;
sk_sign_fn sk_sign;
sk_resident_fn sk_load_resident_keys;

uint32_t sk_api_version(void)
{
	return SK_API_MAJOR | 1;
}

static void *copy(const void *p, size_t n)
{
	void *q = malloc(n ? n : 1);
	if (q == NULL)
		abort();
	memcpy(q, p, n);
	return q;
}

static bool pin_is_right(const char *pin)
{
	const char *right = getenv("HAWSER_SOFT_PIN");
	return right && pin && strcmp(pin, right) == 0;
}

static EVP_PKEY *new_key(uint32_t alg)
{
	return alg == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

static const char *option(struct sk_option **list, const char *name)
{
	for (size_t i = 0; list && list[i]; i++)
		if (strcmp(list[i]->name, name) == 0)
			return list[i]->value;
	return NULL;
}

static void public_of(EVP_PKEY *key, uint32_t alg, struct sk_enroll_response *r)
{
	uint8_t raw[80];
	size_t n = sizeof raw;
	if (alg == 1)
		EVP_PKEY_get_raw_public_key(key, raw, &n);
	else
		EVP_PKEY_get_octet_string_param(key, "encoded-pub-key", raw, sizeof raw, &n);
	r->public_key = copy(raw, n);
	r->public_key_len = n;
}

/* alg, then the private key in DER. */
static void handle_of(EVP_PKEY *key, uint32_t alg, struct sk_enroll_response *r)
{
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(key, &der);
	uint8_t handle[HANDLE_MAX];
	handle[0] = (uint8_t)alg;
	memcpy(handle + 1, der, (size_t)n);
	r->key_handle = copy(handle, (size_t)n + 1);
	r->key_handle_len = (size_t)n + 1;
	OPENSSL_free(der);
}

static EVP_PKEY *key_of(const uint8_t *handle, size_t n, uint32_t alg)
{
	const unsigned char *p = handle + 1;
	return n > 1 && handle[0] == alg ? d2i_AutoPrivateKey(NULL, &p, (long)(n - 1)) : NULL;
}

static FILE *store(const char *mode)
{
	const char *folder = getenv("HAWSER_SOFT_FOLDER");
	char path[4096];
	if (folder == NULL)
		return NULL;
	snprintf(path, sizeof path, "%s/resident", folder);
	return fopen(path, mode);
}

struct record { uint32_t alg; uint8_t flags, user[32], handle_len[2], handle[HANDLE_MAX]; char application[128]; };

static bool is_stored(const char *application, const char *user)
{
	struct record r;
	FILE *f = store("r");
	bool found = false;
	while (f && !found && fread(&r, sizeof r, 1, f) == 1)
		found = strcmp(r.application, application) == 0 && strncmp((const char *)r.user, user ? user : "", sizeof r.user) == 0;
	if (f)
		fclose(f);
	return found;
}

static bool keep(uint32_t alg, const char *application, uint8_t flags, const char *user, const struct sk_enroll_response *e)
{
	struct record r = {.alg = alg, .flags = flags, .handle_len = {(uint8_t)(e->key_handle_len >> 8), (uint8_t)e->key_handle_len}};
	FILE *f = store("a");
	if (f == NULL)
		return false;
	snprintf(r.application, sizeof r.application, "%s", application);
	if (user)
		memcpy(r.user, user, strlen(user) < sizeof r.user ? strlen(user) : sizeof r.user);
	memcpy(r.handle, e->key_handle, e->key_handle_len);
	bool ok = fwrite(&r, sizeof r, 1, f) == 1;
	return fclose(f) == 0 && ok;
}

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
	const char *pin, struct sk_option **options, struct sk_enroll_response **out)
{
	const char *user = option(options, "user");
	if (alg > 1)
		return SK_API_UNSUPPORTED;
	if (option(options, "device") && strcmp(option(options, "device"), "soft") != 0)
		return SK_API_NO_DEVICE;
	if (flags & (VERIFY | RESIDENT) && !pin_is_right(pin))
		return SK_API_PIN_REQUIRED;
	if (flags & RESIDENT && !(flags & FORCE) && is_stored(application, user))
		return SK_API_EXISTS;
	EVP_PKEY *key = new_key(alg);
	struct sk_enroll_response *r = calloc(1, sizeof *r);
	if (key == NULL || r == NULL)
		abort();
	r->flags = flags;
	public_of(key, alg, r);
	handle_of(key, alg, r);
	r->signature = copy("soft signature", 14);
	r->signature_len = 14;
	r->attestation_cert = copy("soft cert", 9);
	r->attestation_cert_len = 9;
	r->authdata = copy(challenge, challenge_len);
	r->authdata_len = challenge_len;
	EVP_PKEY_free(key);
	*out = r;
	return flags & RESIDENT && !keep(alg, application, flags, user, r) ? SK_API_GENERAL : 0;
}

static void take_der(const uint8_t *der, size_t n, struct sk_sign_response *r)
{
	const unsigned char *p = der;
	ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &p, (long)n);
	uint8_t number[40];
	if (sig == NULL)
		abort();
	r->sig_r_len = (size_t)BN_bn2bin(ECDSA_SIG_get0_r(sig), number);
	r->sig_r = copy(number, r->sig_r_len);
	r->sig_s_len = (size_t)BN_bn2bin(ECDSA_SIG_get0_s(sig), number);
	r->sig_s = copy(number, r->sig_s_len);
	ECDSA_SIG_free(sig);
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle, size_t handle_len,
	uint8_t flags, const char *pin, struct sk_option **options, struct sk_sign_response **out)
{
	uint8_t text[32 + 1 + 4 + 32], der[DER_MAX];
	size_t n = sizeof der;
	(void)options;
	if (flags & VERIFY && !pin_is_right(pin))
		return SK_API_PIN_REQUIRED;
	EVP_PKEY *key = key_of(handle, handle_len, alg);
	if (key == NULL)
		return SK_API_NO_DEVICE;
	struct sk_sign_response *r = calloc(1, sizeof *r);
	if (r == NULL)
		abort();
	r->counter = 0x01020304;
	r->flags = (uint8_t)((flags & TOUCH && !getenv("HAWSER_SOFT_LAZY") ? TOUCH : 0) | (pin_is_right(pin) ? VERIFY : 0));
	SHA256((const unsigned char *)application, strlen(application), text);
	text[32] = r->flags;
	memcpy(text + 33, "\1\2\3\4", 4);
	SHA256(data, data_len, text + 37);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (EVP_DigestSignInit(ctx, NULL, alg == 1 ? NULL : EVP_sha256(), NULL, key) != 1 || EVP_DigestSign(ctx, der, &n, text, sizeof text) != 1)
		abort();
	if (alg == 1) {
		r->sig_r = copy(der, n);
		r->sig_r_len = n;
	} else {
		take_der(der, n, r);
	}
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	*out = r;
	return 0;
}

int sk_load_resident_keys(const char *pin, struct sk_option **options, struct sk_resident_key ***out, size_t *n)
{
	struct record r;
	struct sk_resident_key **list = NULL;
	(void)options;
	*n = 0;
	if (!pin_is_right(pin))
		return SK_API_PIN_REQUIRED;
	FILE *f = store("r");
	while (f && fread(&r, sizeof r, 1, f) == 1) {
		struct sk_resident_key *k = calloc(1, sizeof *k);
		list = realloc(list, (*n + 1) * sizeof *list);
		if (list == NULL || k == NULL)
			abort();
		list[(*n)++] = k;
		k->alg = r.alg;
		k->application = copy(r.application, strlen(r.application) + 1);
		k->flags = (uint8_t)(r.flags & ~FORCE);
		k->user_id = copy(r.user, sizeof r.user);
		k->user_id_len = sizeof r.user;
		k->key.key_handle_len = (size_t)(r.handle_len[0] << 8 | r.handle_len[1]);
		k->key.key_handle = copy(r.handle, k->key.key_handle_len);
		EVP_PKEY *key = key_of(r.handle, k->key.key_handle_len, r.alg);
		public_of(key, r.alg, &k->key);
		EVP_PKEY_free(key);
	}
	if (f)
		fclose(f);
	*out = list;
	return 0;
}
