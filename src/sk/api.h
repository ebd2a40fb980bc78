/* The interface that a library for security keys offers, version 10 (SSH_SK_VERSION_MAJOR 0x000a0000): names, numbers and
 * layouts are those of OpenSSH's sk-api.h, so that libraries made for it work here.
 *
 * A function answers 0 or a negative number. What it hands out comes from malloc; the caller frees each part.
 * Options are a list of pointers with NULL at its end: "device", "user".
 */
#ifndef SK_API_H
#define SK_API_H

#include <stddef.h>
#include <stdint.h>

#define SK_API_MAJOR 0x000a0000u
#define SK_API_MAJOR_MASK 0xffff0000u
enum { SK_API_GENERAL = -1, SK_API_UNSUPPORTED = -2, SK_API_PIN_REQUIRED = -3, SK_API_NO_DEVICE = -4, SK_API_EXISTS = -5 };

struct sk_enroll_response {
	uint8_t flags;
	uint8_t *public_key;
	size_t public_key_len;
	uint8_t *key_handle;
	size_t key_handle_len;
	uint8_t *signature;
	size_t signature_len;
	uint8_t *attestation_cert;
	size_t attestation_cert_len;
	uint8_t *authdata;
	size_t authdata_len;
};
struct sk_sign_response {
	uint8_t flags;
	uint32_t counter;
	uint8_t *sig_r;                                     /* Ed25519: the whole signature */
	size_t sig_r_len;
	uint8_t *sig_s;
	size_t sig_s_len;
};
struct sk_resident_key {
	uint32_t alg;
	size_t slot;
	char *application;
	struct sk_enroll_response key;
	uint8_t flags;
	uint8_t *user_id;
	size_t user_id_len;
};
struct sk_option { char *name, *value; uint8_t required; };

typedef uint32_t sk_version_fn(void);
typedef int sk_enroll_fn(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
	const char *pin, struct sk_option **, struct sk_enroll_response **);
typedef int sk_sign_fn(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *key_handle,
	size_t key_handle_len, uint8_t flags, const char *pin, struct sk_option **, struct sk_sign_response **);
typedef int sk_resident_fn(const char *pin, struct sk_option **, struct sk_resident_key ***, size_t *n);

#endif
