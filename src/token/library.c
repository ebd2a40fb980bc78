#include <dlfcn.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sys/files.h"
#include "token/internal.h"

enum { LIBRARY_MAX = 64 << 20, SLOTS_MAX = 64 };
#define ENTRY "C_GetFunctionList"

/* Loading runs code of the file: one that is no PKCS#11 library is not loaded at all (CVE-2023-38408). */
static bool names_entry(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(LIBRARY_MAX);
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = LIBRARY_MAX};
	bool found = file_read(path, &policy, &text, err);
	if (found && memmem(text.p, text.len, "\0" ENTRY, sizeof ENTRY + 1) == NULL)
		found = err_set(err, ERR_FORMAT, "%s is not a PKCS#11 library", path);
	buf_clear(&text);
	return found;
}

static bool load(struct token *t, const char *path, struct err *err)
{
	CK_C_GetFunctionList get;
	CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
	if (path[0] != '/')
		return err_set(err, ERR_USAGE, "%s is not the whole path of a PKCS#11 library", path);
	if (!names_entry(path, err))
		return false;
	t->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (t->library == NULL)
		return err_set(err, ERR_FORMAT, "%s cannot be loaded: %s", path, dlerror());
	/* ISO C has no cast from an object's address to a function's. */
	void *at = dlsym(t->library, ENTRY);
	memcpy(&get, &at, sizeof get);
	if (at == NULL || get(&t->f) != CKR_OK || t->f == NULL)
		return err_set(err, ERR_FORMAT, "%s does not answer as a PKCS#11 library", path);
	CK_RV rv = t->f->C_Initialize(&args);
	if (rv != CKR_OK)
		return err_set(err, ERR_SYSTEM, "%s refuses to start (CKR 0x%lx)", path, rv);
	t->initialized = true;
	return true;
}

/* Padded with blanks, not ended with a NUL. */
static char *label_of(const CK_TOKEN_INFO *info)
{
	struct buf shown = BUF_INIT(256);
	put_text(&shown, slice_trim(slice_of(info->label, sizeof info->label)), 128, 0);
	char *label = mem_str(buf_cstr(&shown));
	buf_clear(&shown);
	return label;
}

bool token_login(struct token *t, size_t slot, CK_USER_TYPE who, struct slice pin, struct err *err)
{
	struct token_slot *s = &t->slots[slot];
	CK_UTF8CHAR text[TOKEN_PIN_MAX];
	if (pin.n > sizeof text)
		return err_set(err, ERR_PASSPHRASE, "the PIN is too long");
	if (pin.n)
		memcpy(text, pin.p, pin.n);
	bool pad = s->pinpad && pin.n == 0;
	CK_RV rv = t->f->C_Login(s->session, who, pad ? NULL : text, pad ? 0 : pin.n);
	mem_wipe(text, sizeof text);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
		s->logged_in = s->logged_in || who == CKU_USER;
		return true;
	}
	if (rv == CKR_PIN_LOCKED)
		return err_set(err, ERR_DENIED, "token %s is locked: too many wrong PINs", s->label);
	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_INVALID)
		return err_set(err, ERR_PASSPHRASE, "wrong PIN for token %s", s->label);
	return err_set(err, ERR_SYSTEM, "token %s refuses the login (CKR 0x%lx)", s->label, rv);
}

static void open_slot(struct token *t, CK_SLOT_ID id)
{
	CK_TOKEN_INFO info;
	struct token_slot s = {0};
	if (t->f->C_GetTokenInfo(id, &info) != CKR_OK || !(info.flags & CKF_TOKEN_INITIALIZED))
		return;
	if (t->f->C_OpenSession(id, CKF_SERIAL_SESSION, NULL, NULL, &s.session) != CKR_OK)
		return;
	s.label = label_of(&info);
	s.login_required = info.flags & CKF_LOGIN_REQUIRED;
	s.pinpad = info.flags & CKF_PROTECTED_AUTHENTICATION_PATH;
	LIST_PUSH(t->slots, t->nslots, s);
}

/* A token that refuses the PIN hides nothing of the others: who has several of one library gives each of them that PIN. */
static bool open_slots(struct token *t, const char *path, struct slice pin, struct err *err)
{
	CK_SLOT_ID ids[SLOTS_MAX];
	CK_ULONG n = SLOTS_MAX;
	CK_RV rv = t->f->C_GetSlotList(CK_TRUE, ids, &n);
	if (rv != CKR_OK)
		return err_set(err, ERR_SYSTEM, "%s does not list its slots (CKR 0x%lx)", path, rv);
	for (CK_ULONG i = 0; i < n; i++)
		open_slot(t, ids[i]);
	if (t->nslots == 0)
		return err_set(err, ERR_MISSING, "%s finds no token", path);
	size_t refused = 0;
	for (size_t i = 0; i < t->nslots; i++) {
		if (pin.n && t->slots[i].login_required && !token_login(t, i, CKU_USER, pin, err))
			refused++;
		else
			token_list(t, i);
	}
	return refused < t->nslots;
}

struct token *token_open(const char *path, struct slice pin, struct err *err)
{
	struct token *t = mem_new(sizeof *t);
	if (load(t, path, err) && open_slots(t, path, pin, err))
		return t;
	token_close(t);
	return NULL;
}

void token_close(struct token *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->nkeys; i++) {
		key_free(t->keys[i].public);
		buf_clear(&t->keys[i].blob);
		buf_clear(&t->keys[i].id);
		mem_free(t->keys[i].label);
	}
	for (size_t i = 0; i < t->nslots; i++) {
		t->f->C_CloseSession(t->slots[i].session);
		mem_free(t->slots[i].label);
	}
	if (t->initialized)
		t->f->C_Finalize(NULL);
	if (t->library)
		dlclose(t->library);
	mem_free(t->keys);
	mem_free(t->slots);
	mem_free(t);
}

const struct token_key *token_keys(const struct token *t, size_t *n)
{
	*n = t->nkeys;
	return t->keys;
}

const char *token_label(const struct token *t, const struct token_key *k)
{
	return t->slots[k->slot].label;
}
