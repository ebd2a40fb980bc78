#include "wire/ask.h"

#include <stddef.h>

#define F(s, type, name) {#name, FIELD_##type, offsetof(struct s, name)}

static const struct field fields_ask_hostsign[] = {
	F(ask_hostsign, TEXT, kex),
	F(ask_hostsign, TEXT, algorithm),
	F(ask_hostsign, SECRET, transcript),
	{0},
};
static const struct field fields_answer_sign[] = {
	F(answer_sign, BOOL, ok),
	F(answer_sign, STRING, signature),
	{0},
};
static const struct field fields_ask_group[] = {
	F(ask_group, U32, min),
	F(ask_group, U32, preferred),
	F(ask_group, U32, max),
	{0},
};
static const struct field fields_answer_group[] = {
	F(answer_group, BOOL, ok),
	F(answer_group, STRING, p),
	F(answer_group, STRING, g),
	{0},
};
static const struct field fields_ask_auth_none[] = {
	F(ask_auth_none, TEXT, user),
	F(ask_auth_none, TEXT, method),
	{0},
};
static const struct field fields_ask_password[] = {
	F(ask_password, TEXT, user),
	F(ask_password, SECRET, password),
	F(ask_password, BOOL, change),
	F(ask_password, SECRET, new_password),
	{0},
};
static const struct field fields_ask_key[] = {
	F(ask_key, TEXT, user),
	F(ask_key, TEXT, algorithm),
	F(ask_key, STRING, blob),
	{0},
};
static const struct field fields_ask_verify[] = {
	F(ask_verify, TEXT, user),
	F(ask_verify, TEXT, algorithm),
	F(ask_verify, STRING, blob),
	F(ask_verify, STRING, signature),
	F(ask_verify, BOOL, hostbound),
	{0},
};
static const struct field fields_ask_kbdint[] = {
	F(ask_kbdint, TEXT, user),
	F(ask_kbdint, TEXT, devices),
	{0},
};
static const struct field fields_ask_kbdint_reply[] = {
	F(ask_kbdint_reply, U32, count),
	F(ask_kbdint_reply, SECRET, responses),
	{0},
};
static const struct field fields_answer_auth[] = {
	F(answer_auth, U8, verdict),
	F(answer_auth, NAMES, methods),
	F(answer_auth, TEXT, name),
	F(answer_auth, TEXT, instruction),
	F(answer_auth, U32, count),
	F(answer_auth, STRING, prompts),
	F(answer_auth, TEXT, banner),
	{0},
};
static const struct field fields_ask_hostkey[] = {
	F(ask_hostkey, TEXT, algorithm),
	F(ask_hostkey, STRING, blob),
	F(ask_hostkey, BOOL, rekey),
	{0},
};
static const struct field fields_answer_yes[] = {
	F(answer_yes, BOOL, ok),
	F(answer_yes, TEXT, text),
	{0},
};
static const struct field fields_ask_credential[] = {
	F(ask_credential, NAMES, methods),
	F(ask_credential, BOOL, first),
	F(ask_credential, BOOL, partial),
	{0},
};
static const struct field fields_answer_credential[] = {
	F(answer_credential, U8, kind),
	F(answer_credential, TEXT, algorithm),
	F(answer_credential, STRING, blob),
	F(answer_credential, TEXT, client_host),
	F(answer_credential, TEXT, client_user),
	F(answer_credential, SECRET, password),
	F(answer_credential, TEXT, devices),
	F(answer_credential, TEXT, text),
	{0},
};
static const struct field fields_ask_sign[] = {
	F(ask_sign, TEXT, algorithm),
	F(ask_sign, STRING, blob),
	F(ask_sign, STRING, data),
	{0},
};
static const struct field fields_ask_prompts[] = {
	F(ask_prompts, TEXT, name),
	F(ask_prompts, TEXT, instruction),
	F(ask_prompts, U32, count),
	F(ask_prompts, STRING, prompts),
	{0},
};
static const struct field fields_answer_prompts[] = {
	F(answer_prompts, BOOL, ok),
	F(answer_prompts, U32, count),
	F(answer_prompts, SECRET, responses),
	{0},
};
static const struct field fields_ask_new_password[] = {
	F(ask_new_password, TEXT, prompt),
	{0},
};
static const struct field fields_answer_new_password[] = {
	F(answer_new_password, BOOL, ok),
	F(answer_new_password, SECRET, old_password),
	F(answer_new_password, SECRET, new_password),
	{0},
};
static const struct field fields_ask_hostbased[] = {
	F(ask_hostbased, TEXT, user),
	F(ask_hostbased, TEXT, algorithm),
	F(ask_hostbased, STRING, blob),
	F(ask_hostbased, TEXT, host),
	F(ask_hostbased, TEXT, client_user),
	F(ask_hostbased, STRING, signature),
	{0},
};

static const struct msg_desc desc_ask_hostsign = {"HOSTSIGN", ASK_HOSTSIGN, sizeof(struct ask_hostsign), fields_ask_hostsign};
static const struct msg_desc desc_answer_hostsign = {"HOSTSIGN-answer", ASK_HOSTSIGN, sizeof(struct answer_sign), fields_answer_sign};
static const struct msg_desc desc_ask_group = {"GROUP", ASK_GROUP, sizeof(struct ask_group), fields_ask_group};
static const struct msg_desc desc_answer_group = {"GROUP-answer", ASK_GROUP, sizeof(struct answer_group), fields_answer_group};
static const struct msg_desc desc_ask_auth_none = {"AUTH_NONE", ASK_AUTH_NONE, sizeof(struct ask_auth_none), fields_ask_auth_none};
static const struct msg_desc desc_answer_auth_none = {"AUTH_NONE-answer", ASK_AUTH_NONE, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_password = {"PASSWORD", ASK_PASSWORD, sizeof(struct ask_password), fields_ask_password};
static const struct msg_desc desc_answer_password = {"PASSWORD-answer", ASK_PASSWORD, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_key_ok = {"KEY_OK", ASK_KEY_OK, sizeof(struct ask_key), fields_ask_key};
static const struct msg_desc desc_answer_key_ok = {"KEY_OK-answer", ASK_KEY_OK, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_verify = {"VERIFY", ASK_VERIFY, sizeof(struct ask_verify), fields_ask_verify};
static const struct msg_desc desc_answer_verify = {"VERIFY-answer", ASK_VERIFY, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_kbdint = {"KBDINT", ASK_KBDINT, sizeof(struct ask_kbdint), fields_ask_kbdint};
static const struct msg_desc desc_answer_kbdint = {"KBDINT-answer", ASK_KBDINT, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_kbdint_reply = {"KBDINT_REPLY", ASK_KBDINT_REPLY, sizeof(struct ask_kbdint_reply), fields_ask_kbdint_reply};
static const struct msg_desc desc_answer_kbdint_reply = {"KBDINT_REPLY-answer", ASK_KBDINT_REPLY, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_hostbased = {"HOSTBASED", ASK_HOSTBASED, sizeof(struct ask_hostbased), fields_ask_hostbased};
static const struct msg_desc desc_answer_hostbased = {"HOSTBASED-answer", ASK_HOSTBASED, sizeof(struct answer_auth), fields_answer_auth};
static const struct msg_desc desc_ask_hostkey = {"HOSTKEY", ASK_HOSTKEY, sizeof(struct ask_hostkey), fields_ask_hostkey};
static const struct msg_desc desc_answer_hostkey = {"HOSTKEY-answer", ASK_HOSTKEY, sizeof(struct answer_yes), fields_answer_yes};
static const struct msg_desc desc_ask_credential = {"CREDENTIAL", ASK_CREDENTIAL, sizeof(struct ask_credential), fields_ask_credential};
static const struct msg_desc desc_answer_credential = {"CREDENTIAL-answer", ASK_CREDENTIAL, sizeof(struct answer_credential), fields_answer_credential};
static const struct msg_desc desc_ask_sign = {"SIGN", ASK_SIGN, sizeof(struct ask_sign), fields_ask_sign};
static const struct msg_desc desc_answer_sign = {"SIGN-answer", ASK_SIGN, sizeof(struct answer_sign), fields_answer_sign};
static const struct msg_desc desc_ask_prompts = {"PROMPTS", ASK_PROMPTS, sizeof(struct ask_prompts), fields_ask_prompts};
static const struct msg_desc desc_answer_prompts = {"PROMPTS-answer", ASK_PROMPTS, sizeof(struct answer_prompts), fields_answer_prompts};
static const struct msg_desc desc_ask_new_password = {"NEW_PASSWORD", ASK_NEW_PASSWORD, sizeof(struct ask_new_password), fields_ask_new_password};
static const struct msg_desc desc_answer_new_password = {"NEW_PASSWORD-answer", ASK_NEW_PASSWORD, sizeof(struct answer_new_password), fields_answer_new_password};

static const struct ask_row rows[ASK_KINDS] = {
	[ASK_HOSTSIGN] = {ASK_HOSTSIGN, &desc_ask_hostsign, &desc_answer_hostsign},
	[ASK_GROUP] = {ASK_GROUP, &desc_ask_group, &desc_answer_group},
	[ASK_AUTH_NONE] = {ASK_AUTH_NONE, &desc_ask_auth_none, &desc_answer_auth_none},
	[ASK_PASSWORD] = {ASK_PASSWORD, &desc_ask_password, &desc_answer_password},
	[ASK_KEY_OK] = {ASK_KEY_OK, &desc_ask_key_ok, &desc_answer_key_ok},
	[ASK_VERIFY] = {ASK_VERIFY, &desc_ask_verify, &desc_answer_verify},
	[ASK_KBDINT] = {ASK_KBDINT, &desc_ask_kbdint, &desc_answer_kbdint},
	[ASK_KBDINT_REPLY] = {ASK_KBDINT_REPLY, &desc_ask_kbdint_reply, &desc_answer_kbdint_reply},
	[ASK_HOSTBASED] = {ASK_HOSTBASED, &desc_ask_hostbased, &desc_answer_hostbased},
	[ASK_HOSTKEY] = {ASK_HOSTKEY, &desc_ask_hostkey, &desc_answer_hostkey},
	[ASK_CREDENTIAL] = {ASK_CREDENTIAL, &desc_ask_credential, &desc_answer_credential},
	[ASK_SIGN] = {ASK_SIGN, &desc_ask_sign, &desc_answer_sign},
	[ASK_PROMPTS] = {ASK_PROMPTS, &desc_ask_prompts, &desc_answer_prompts},
	[ASK_NEW_PASSWORD] = {ASK_NEW_PASSWORD, &desc_ask_new_password, &desc_answer_new_password},
};

const struct ask_row *ask_row(enum ask_kind kind)
{
	return kind > ASK_NONE && kind < ASK_KINDS ? &rows[kind] : NULL;
}
