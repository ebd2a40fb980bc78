/* Inside token/: the library's functions and what is open of it. */
#ifndef TOKEN_INTERNAL_H
#define TOKEN_INTERNAL_H

#include <p11-kit/pkcs11.h>

#include "token/token.h"
#include "wire/token_msg.h"

enum { ATTRIBUTE_MAX = 64 << 10 };

struct token_slot {
	CK_SESSION_HANDLE session;
	char *label;
	bool login_required, logged_in, pinpad;
};
struct token {
	void *library;
	CK_FUNCTION_LIST *f;
	bool initialized;
	struct token_slot *slots;
	size_t nslots;
	struct token_key *keys;
	size_t nkeys;
};

/* keys.c */
bool token_attribute(const struct token *, CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_ATTRIBUTE_TYPE, struct buf *out) MUST_CHECK;
void token_list(struct token *, size_t slot);
/* library.c: err gets PIN words. */
bool token_login(struct token *, size_t slot, CK_USER_TYPE, struct slice pin, struct err *) MUST_CHECK;

#endif
