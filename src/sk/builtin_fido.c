/* "internal": tokens over USB through libfido2 (FIDO, Client to Authenticator Protocol, 2.1). */
#include <fido.h>
#include <fido/credman.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "key/sk.h"
#include "sk/provider.h"

enum { DEVICES = 64, USER_ID = 32, DER_MAX = 128 };

static int failure_of(int fido)
{
	switch (fido) {
	case FIDO_ERR_UNSUPPORTED_OPTION:
	case FIDO_ERR_UNSUPPORTED_ALGORITHM: return SK_API_UNSUPPORTED;
	case FIDO_ERR_PIN_REQUIRED:
	case FIDO_ERR_PIN_INVALID:
	case FIDO_ERR_OPERATION_DENIED: return SK_API_PIN_REQUIRED;
	default: return SK_API_GENERAL;
	}
}

/* Options that are not known may be passed over unless they are required. */
static bool take_options(struct sk_option **options, const char **device, uint8_t *user)
{
	for (size_t i = 0; options && options[i]; i++) {
		const struct sk_option *o = options[i];
		if (strcmp(o->name, "device") == 0) {
			*device = o->value;
		} else if (user && strcmp(o->name, "user") == 0) {
			if (strlen(o->value) > USER_ID)
				return false;
			memcpy(user, o->value, strlen(o->value));
		} else if (o->required) {
			return false;
		}
	}
	return true;
}

static fido_dev_t *open_path(const char *path)
{
	fido_dev_t *dev = fido_dev_new();
	if (dev && fido_dev_open(dev, path) == FIDO_OK)
		return dev;
	fido_dev_free(&dev);
	return NULL;
}

static void close_device(fido_dev_t *dev)
{
	if (dev)
		fido_dev_close(dev);
	fido_dev_free(&dev);
}

/* Does the token know this handle? It is asked without a touch. */
static bool knows(fido_dev_t *dev, const char *application, struct slice handle)
{
	static const uint8_t nothing[32];
	fido_assert_t *a = fido_assert_new();
	bool yes = a && fido_assert_set_clientdata_hash(a, nothing, sizeof nothing) == FIDO_OK && fido_assert_set_rp(a, application) == FIDO_OK
	        && fido_assert_allow_cred(a, handle.p, handle.n) == FIDO_OK && fido_assert_set_up(a, FIDO_OPT_FALSE) == FIDO_OK;
	int r = yes ? fido_dev_get_assert(dev, a, NULL) : FIDO_ERR_INTERNAL;
	fido_assert_free(&a);
	return r == FIDO_OK || r == FIDO_ERR_USER_PRESENCE_REQUIRED;  /* old U2F tokens say the latter */
}

/* The named device, the one that knows the handle, or the one whose owner touches it where there are several. */
static fido_dev_t *touched(fido_dev_t **dev, size_t n)
{
	fido_dev_t *found = NULL;
	size_t asked = 0;
	for (size_t i = 0; i < n; i++)
		asked += fido_dev_get_touch_begin(dev[i]) == FIDO_OK;
	for (int rounds = 0; asked && !found && rounds < 150; rounds++)
		for (size_t i = 0; i < n && !found; i++) {
			int yes = 0;
			if (fido_dev_get_touch_status(dev[i], &yes, 100) == FIDO_OK && yes)
				found = dev[i];
		}
	for (size_t i = 0; i < n; i++)
		if (dev[i] != found) {
			fido_dev_cancel(dev[i]);
			close_device(dev[i]);
		}
	return found;
}

static fido_dev_t *find_device(const char *path, const char *application, struct slice handle)
{
	fido_dev_t *dev[DEVICES], *found = NULL;
	size_t n = 0, listed = 0;
	if (path)
		return open_path(path);
	fido_dev_info_t *list = fido_dev_info_new(DEVICES);
	if (list == NULL || fido_dev_info_manifest(list, DEVICES, &listed) != FIDO_OK)
		listed = 0;
	for (size_t i = 0; i < listed; i++) {
		fido_dev_t *d = open_path(fido_dev_info_path(fido_dev_info_ptr(list, i)));
		if (d)
			dev[n++] = d;
	}
	fido_dev_info_free(&list, DEVICES);
	for (size_t i = 0; handle.n && i < n && !found; i++)
		if (knows(dev[i], application, handle))
			found = dev[i];
	if (handle.n == 0)
		return n == 1 ? dev[0] : touched(dev, n);
	for (size_t i = 0; i < n; i++)
		if (dev[i] != found)
			close_device(dev[i]);
	return found;
}

static bool keep(uint8_t **to, size_t *n, const unsigned char *p, size_t len)
{
	if (p == NULL || len == 0)
		return true;
	*to = malloc(len);
	if (*to == NULL)
		return false;
	memcpy(*to, p, len);
	*n = len;
	return true;
}

/* An uncompressed point begins with 4 (SEC 1, 2.3.3); libfido2 gives its two coordinates. */
static bool keep_public(uint32_t alg, const unsigned char *p, size_t n, struct sk_enroll_response *r)
{
	if (alg == 1)
		return n == 32 && keep(&r->public_key, &r->public_key_len, p, n);
	uint8_t point[65] = {4};
	if (p == NULL || n != 64)
		return false;
	memcpy(point + 1, p, 64);
	return keep(&r->public_key, &r->public_key_len, point, sizeof point);
}

static bool fill_cred(fido_cred_t *cred, uint32_t alg, struct slice challenge, const char *application, const uint8_t *user, uint8_t flags)
{
	return fido_cred_set_type(cred, alg == 1 ? COSE_EDDSA : COSE_ES256) == FIDO_OK
	    && fido_cred_set_clientdata(cred, challenge.p, challenge.n) == FIDO_OK
	    && fido_cred_set_rk(cred, flags & SK_RESIDENT ? FIDO_OPT_TRUE : FIDO_OPT_OMIT) == FIDO_OK
	    && fido_cred_set_user(cred, user, USER_ID, "openssh", "openssh", NULL) == FIDO_OK
	    && fido_cred_set_rp(cred, application, NULL) == FIDO_OK;
}

/* What anybody who holds the token could use without its PIN is not made where the user asked for more. */
static int protect(fido_dev_t *dev, fido_cred_t *cred, uint8_t flags)
{
	if (!(flags & (SK_RESIDENT | SK_VERIFY_REQUIRED)))
		return FIDO_OK;
	if (!fido_dev_supports_cred_prot(dev))
		return FIDO_ERR_UNSUPPORTED_OPTION;
	return fido_cred_set_prot(cred, flags & SK_VERIFY_REQUIRED ? FIDO_CRED_PROT_UV_REQUIRED : FIDO_CRED_PROT_UV_OPTIONAL_WITH_ID);
}

/* FIDO_OK: a resident key of this application and user is there already. */
static int resident_exists(fido_dev_t *dev, const char *application, const uint8_t *user, const char *pin)
{
	static const uint8_t nothing[32];
	fido_assert_t *a = fido_assert_new();
	int r = FIDO_ERR_INTERNAL;
	if (a && fido_assert_set_clientdata_hash(a, nothing, sizeof nothing) == FIDO_OK && fido_assert_set_rp(a, application) == FIDO_OK
	    && fido_assert_set_up(a, FIDO_OPT_FALSE) == FIDO_OK)
		r = fido_dev_get_assert(dev, a, pin);
	if (r == FIDO_OK) {
		r = FIDO_ERR_NO_CREDENTIALS;
		for (size_t i = 0; i < fido_assert_count(a); i++)
			if (fido_assert_user_id_len(a, i) == USER_ID && memcmp(fido_assert_user_id_ptr(a, i), user, USER_ID) == 0)
				r = FIDO_OK;
	}
	fido_assert_free(&a);
	return r;
}

static int make(fido_dev_t *dev, fido_cred_t *cred, uint32_t alg, uint8_t flags, const char *pin, struct sk_enroll_response **out)
{
	int r = protect(dev, cred, flags);
	if (r == FIDO_OK)
		r = fido_dev_make_cred(dev, cred, pin);
	if (r != FIDO_OK)
		return failure_of(r);
	if (fido_cred_x5c_ptr(cred) ? fido_cred_verify(cred) != FIDO_OK
	    : strcmp(fido_cred_fmt(cred), "none") != 0 && fido_cred_verify_self(cred) != FIDO_OK)
		return SK_API_GENERAL;                          /* the attestation does not hold */
	struct sk_enroll_response *e = calloc(1, sizeof *e);
	if (e == NULL)
		return SK_API_GENERAL;
	e->flags = flags;
	bool ok = keep_public(alg, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred), e)
	       && keep(&e->key_handle, &e->key_handle_len, fido_cred_id_ptr(cred), fido_cred_id_len(cred))
	       && keep(&e->signature, &e->signature_len, fido_cred_sig_ptr(cred), fido_cred_sig_len(cred))
	       && keep(&e->attestation_cert, &e->attestation_cert_len, fido_cred_x5c_ptr(cred), fido_cred_x5c_len(cred))
	       && keep(&e->authdata, &e->authdata_len, fido_cred_authdata_ptr(cred), fido_cred_authdata_len(cred));
	if (!ok) {
		sk_enroll_response_free(e);
		return SK_API_GENERAL;
	}
	*out = e;
	return 0;
}

static int enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
	const char *pin, struct sk_option **options, struct sk_enroll_response **out)
{
	uint8_t user[USER_ID] = {0};
	const char *device = NULL;
	fido_init(0);
	if (!take_options(options, &device, user))
		return SK_API_UNSUPPORTED;
	fido_dev_t *dev = find_device(device, NULL, slice_of(NULL, 0));
	if (dev == NULL)
		return SK_API_NO_DEVICE;
	fido_cred_t *cred = fido_cred_new();
	int said = SK_API_GENERAL, there = FIDO_ERR_NO_CREDENTIALS;
	if (flags & SK_RESIDENT && !(flags & SK_FORCE))
		there = resident_exists(dev, application, user, pin);
	if (there == FIDO_OK)
		said = SK_API_EXISTS;
	else if (there != FIDO_ERR_NO_CREDENTIALS)
		said = failure_of(there);
	else if (cred && fill_cred(cred, alg, slice_of(challenge, challenge_len), application, user, flags))
		said = make(dev, cred, alg, flags, pin, out);
	fido_cred_free(&cred);
	close_device(dev);
	return said;
}

/* An INTEGER of a DER signature (X.690, 8.3), without its sign byte. */
static struct slice der_integer(struct reader *r)
{
	uint8_t tag = get_u8(r), n = get_u8(r);
	struct slice s = get_bytes(r, n);
	if (tag != 2 || n > 33)
		r->bad = true;
	while (s.n && s.p[0] == 0)
		s = slice_from(s, 1);
	return s;
}

static bool keep_signature(uint32_t alg, struct slice sig, struct sk_sign_response *r)
{
	if (alg == 1)
		return keep(&r->sig_r, &r->sig_r_len, sig.p, sig.n);
	struct reader in = reader_of(sig);
	bool sequence = get_u8(&in) == 0x30 && get_u8(&in) == reader_left(&in);
	struct slice first = der_integer(&in), second = der_integer(&in);
	return sequence && get_end(&in) && keep(&r->sig_r, &r->sig_r_len, first.p, first.n) && keep(&r->sig_s, &r->sig_s_len, second.p, second.n);
}

/* Whether the token itself can verify its user, by a fingerprint, say: then no PIN is needed. */
static bool verifies_itself(fido_dev_t *dev)
{
	fido_cbor_info_t *info = fido_cbor_info_new();
	bool yes = false;
	if (info && fido_dev_is_fido2(dev) && fido_dev_get_cbor_info(dev, info) == FIDO_OK)
		for (size_t i = 0; i < fido_cbor_info_options_len(info); i++)
			yes = yes || (strcmp(fido_cbor_info_options_name_ptr(info)[i], "uv") == 0 && fido_cbor_info_options_value_ptr(info)[i]);
	fido_cbor_info_free(&info);
	return yes;
}

static int get_assert(fido_dev_t *dev, fido_assert_t *a, uint32_t alg, uint8_t flags, const char *pin, struct sk_sign_response **out)
{
	if (fido_assert_set_up(a, flags & SK_TOUCH_REQUIRED ? FIDO_OPT_TRUE : FIDO_OPT_FALSE) != FIDO_OK)
		return SK_API_GENERAL;
	if (pin == NULL && flags & SK_VERIFY_REQUIRED
	    && (!verifies_itself(dev) || fido_assert_set_uv(a, FIDO_OPT_TRUE) != FIDO_OK))
		return SK_API_PIN_REQUIRED;
	int r = fido_dev_get_assert(dev, a, pin);
	if (r != FIDO_OK)
		return failure_of(r);
	struct sk_sign_response *s = calloc(1, sizeof *s);
	if (s == NULL || fido_assert_count(a) == 0 || !keep_signature(alg, slice_of(fido_assert_sig_ptr(a, 0), fido_assert_sig_len(a, 0)), s)) {
		sk_sign_response_free(s);
		return SK_API_GENERAL;
	}
	s->flags = fido_assert_flags(a, 0);
	s->counter = fido_assert_sigcount(a, 0);
	*out = s;
	return 0;
}

static int sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle, size_t handle_len,
	uint8_t flags, const char *pin, struct sk_option **options, struct sk_sign_response **out)
{
	const char *device = NULL;
	fido_init(0);
	if (!take_options(options, &device, NULL))
		return SK_API_UNSUPPORTED;
	/* A key that wants its user verified does not answer the probe by handle. */
	bool probe = pin == NULL && !(flags & SK_VERIFY_REQUIRED);
	fido_dev_t *dev = find_device(device, application, probe ? slice_of(handle, handle_len) : slice_of(NULL, 0));
	if (dev == NULL)
		return SK_API_NO_DEVICE;
	fido_assert_t *a = fido_assert_new();
	int said = SK_API_GENERAL;
	if (a && fido_assert_set_clientdata(a, data, data_len) == FIDO_OK && fido_assert_set_rp(a, application) == FIDO_OK
	    && fido_assert_allow_cred(a, handle, handle_len) == FIDO_OK)
		said = get_assert(dev, a, alg, flags, pin, out);
	fido_assert_free(&a);
	close_device(dev);
	return said;
}

struct resident_list { struct sk_resident_key **at; size_t n; };

static bool add_resident(struct resident_list *l, const char *application, const fido_cred_t *cred, size_t slot)
{
	struct sk_resident_key *k = calloc(1, sizeof *k), **more = realloc(l->at, (l->n + 1) * sizeof *more);
	if (more)
		l->at = more;
	if (k == NULL || more == NULL) {
		free(k);
		return false;
	}
	l->at[l->n++] = k;
	k->alg = fido_cred_type(cred) == COSE_EDDSA ? 1 : 0;
	k->slot = slot;
	k->application = strdup(application);
	k->flags = SK_TOUCH_REQUIRED | SK_RESIDENT | (fido_cred_prot(cred) == FIDO_CRED_PROT_UV_REQUIRED ? SK_VERIFY_REQUIRED : 0);
	return k->application && keep_public(k->alg, fido_cred_pubkey_ptr(cred), fido_cred_pubkey_len(cred), &k->key)
	    && keep(&k->key.key_handle, &k->key.key_handle_len, fido_cred_id_ptr(cred), fido_cred_id_len(cred))
	    && keep(&k->user_id, &k->user_id_len, fido_cred_user_id_ptr(cred), fido_cred_user_id_len(cred));
}

/* Keys of one application; those that are not of SSH ("ssh:...") are left out. */
static int list_application(fido_dev_t *dev, const fido_credman_rp_t *rps, size_t i, const char *pin, struct resident_list *l)
{
	const char *application = fido_credman_rp_id(rps, i);
	fido_credman_rk_t *rk = fido_credman_rk_new();
	if (application == NULL || strncmp(application, "ssh:", 4) != 0) {
		fido_credman_rk_free(&rk);
		return 0;
	}
	int said = rk ? fido_credman_get_dev_rk(dev, application, rk, pin) : FIDO_ERR_INTERNAL;
	for (size_t j = 0; said == FIDO_OK && j < fido_credman_rk_count(rk); j++) {
		const fido_cred_t *cred = fido_credman_rk(rk, j);
		int type = cred ? fido_cred_type(cred) : 0;
		if ((type == COSE_ES256 || type == COSE_EDDSA) && !add_resident(l, application, cred, i))
			said = FIDO_ERR_INTERNAL;
	}
	fido_credman_rk_free(&rk);
	return said == FIDO_OK ? 0 : failure_of(said);
}

static int resident(const char *pin, struct sk_option **options, struct sk_resident_key ***out, size_t *n)
{
	const char *device = NULL;
	struct resident_list l = {NULL, 0};
	fido_init(0);
	*out = NULL;
	*n = 0;
	if (!take_options(options, &device, NULL))
		return SK_API_UNSUPPORTED;
	fido_dev_t *dev = find_device(device, NULL, slice_of(NULL, 0));
	if (dev == NULL)
		return SK_API_NO_DEVICE;
	fido_credman_rp_t *rps = pin ? fido_credman_rp_new() : NULL;
	int said = pin == NULL ? SK_API_PIN_REQUIRED : SK_API_GENERAL;
	if (rps) {
		int r = fido_credman_get_dev_rp(dev, rps, pin);
		said = r == FIDO_OK || r == FIDO_ERR_NO_CREDENTIALS ? 0 : failure_of(r);
		for (size_t i = 0; r == FIDO_OK && said == 0 && i < fido_credman_rp_count(rps); i++)
			said = list_application(dev, rps, i, pin, &l);
	}
	fido_credman_rp_free(&rps);
	close_device(dev);
	if (said == 0) {
		*out = l.at;
		*n = l.n;
	} else {
		sk_resident_keys_free(l.at, l.n);
	}
	return said;
}

const struct sk_provider sk_builtin = {enroll, sign, resident};
