#include "sk/provider.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "sys/files.h"

enum { LIBRARY_MAX = 64 << 20 };

/* The name as an entry of the library's string table: NULs on both sides. */
static bool file_names(const char *path, const char *symbol, struct err *err)
{
	struct buf text = BUF_INIT(LIBRARY_MAX);
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = LIBRARY_MAX};
	bool found = false;
	if (!file_read(path, &policy, &text, err))
		return false;
	found = memmem(text.p, text.len, symbol, strlen(symbol) + 1) != NULL;
	buf_clear(&text);
	return found || err_set(err, ERR_FORMAT, "%s is not a library for security keys", path);
}

/* fn: where the pointer goes; ISO C has no cast from an object's address to a function's. */
static bool take_symbol(void *library, const char *path, const char *name, void *fn, struct err *err)
{
	void *at = dlsym(library, name);
	memcpy(fn, &at, sizeof at);
	return at || err_set(err, ERR_FORMAT, "%s lacks %s", path, name);
}

bool sk_provider_open(const char *path, struct sk_provider *p, struct err *err)
{
	if (strcasecmp(path, "internal") == 0) {
		*p = sk_builtin;
		return p->enroll || err_set(err, ERR_UNSUPPORTED, "built without libfido2: name a library (SecurityKeyProvider, SSH_SK_PROVIDER, -w)");
	}
	if (strchr(path, '/') == NULL)
		return err_set(err, ERR_USAGE, "%s is not a path of a library for security keys", path);
	if (!file_names(path, "sk_api_version", err))
		return false;
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return err_set(err, ERR_FORMAT, "%s cannot be loaded: %s", path, dlerror());
	sk_version_fn *version;
	if (!take_symbol(library, path, "sk_api_version", &version, err))
		return false;
	uint32_t is = version();
	if ((is & SK_API_MAJOR_MASK) != SK_API_MAJOR)
		return err_set(err, ERR_UNSUPPORTED, "%s has interface version 0x%08x, and 0x%08x is needed", path, is, SK_API_MAJOR);
	return take_symbol(library, path, "sk_enroll", &p->enroll, err) && take_symbol(library, path, "sk_sign", &p->sign, err)
	    && take_symbol(library, path, "sk_load_resident_keys", &p->resident, err);
}

static void clear_enrolled(struct sk_enroll_response *r)
{
	uint8_t *const parts[] = {r->public_key, r->key_handle, r->signature, r->attestation_cert, r->authdata};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		free(parts[i]);
}

void sk_enroll_response_free(struct sk_enroll_response *r)
{
	if (r == NULL)
		return;
	clear_enrolled(r);
	free(r);
}

void sk_sign_response_free(struct sk_sign_response *r)
{
	if (r == NULL)
		return;
	free(r->sig_r);
	free(r->sig_s);
	free(r);
}

void sk_resident_keys_free(struct sk_resident_key **keys, size_t n)
{
	for (size_t i = 0; keys && i < n; i++) {
		if (keys[i] == NULL)
			continue;
		clear_enrolled(&keys[i]->key);
		free(keys[i]->application);
		free(keys[i]->user_id);
		free(keys[i]);
	}
	free(keys);
}
