/* A library for security keys, opened. Only ssh-sk-helper does this: whatever the library does, it does there. */
#ifndef SK_PROVIDER_H
#define SK_PROVIDER_H

#include "base/err.h"
#include "sk/api.h"

struct sk_provider { sk_enroll_fn *enroll; sk_sign_fn *sign; sk_resident_fn *resident; };

/* path: a file, or "internal" (libfido2, where this build has it). A file that does not hold the interface's name is refused
 * before any of its code runs. The library stays open until the process ends. */
bool sk_provider_open(const char *path, struct sk_provider *, struct err *) MUST_CHECK;
/* "internal" of this build; enroll == NULL: none. builtin_fido.c or builtin_none.c. */
extern const struct sk_provider sk_builtin;

void sk_enroll_response_free(struct sk_enroll_response *);
void sk_sign_response_free(struct sk_sign_response *);
void sk_resident_keys_free(struct sk_resident_key **, size_t n);

#endif
