#include "wire/sk_msg.h"

#include <stddef.h>

#define F(type, s, name) {#name, type, offsetof(struct s, name)}
#define END {NULL, FIELD_END, 0}

static const struct field enroll_fields[] = {
	F(FIELD_U32, sk_ask_enroll, version), F(FIELD_TEXT, sk_ask_enroll, provider), F(FIELD_U32, sk_ask_enroll, alg),
	F(FIELD_STRING, sk_ask_enroll, challenge), F(FIELD_TEXT, sk_ask_enroll, application), F(FIELD_TEXT, sk_ask_enroll, device),
	F(FIELD_TEXT, sk_ask_enroll, user), F(FIELD_U8, sk_ask_enroll, flags), F(FIELD_SECRET, sk_ask_enroll, pin), END,
};
static const struct field sign_fields[] = {
	F(FIELD_U32, sk_ask_sign, version), F(FIELD_TEXT, sk_ask_sign, provider), F(FIELD_U32, sk_ask_sign, alg), F(FIELD_STRING, sk_ask_sign, data),
	F(FIELD_TEXT, sk_ask_sign, application), F(FIELD_STRING, sk_ask_sign, handle), F(FIELD_U8, sk_ask_sign, flags), F(FIELD_SECRET, sk_ask_sign, pin), END,
};
static const struct field resident_fields[] = {
	F(FIELD_U32, sk_ask_resident, version), F(FIELD_TEXT, sk_ask_resident, provider), F(FIELD_TEXT, sk_ask_resident, device),
	F(FIELD_SECRET, sk_ask_resident, pin), END,
};
static const struct field failed_fields[] = {F(FIELD_U32, sk_failed, code), F(FIELD_TEXT, sk_failed, text), END};
static const struct field enrolled_fields[] = {
	F(FIELD_U32, sk_enrolled, alg), F(FIELD_STRING, sk_enrolled, public), F(FIELD_TEXT, sk_enrolled, application), F(FIELD_STRING, sk_enrolled, handle),
	F(FIELD_U8, sk_enrolled, flags), F(FIELD_STRING, sk_enrolled, user), F(FIELD_STRING, sk_enrolled, signature), F(FIELD_STRING, sk_enrolled, cert),
	F(FIELD_STRING, sk_enrolled, authdata), END,
};
static const struct field signed_fields[] = {
	F(FIELD_U8, sk_signed, flags), F(FIELD_U32, sk_signed, counter), F(FIELD_STRING, sk_signed, body), END,
};
static const struct field keys_fields[] = {F(FIELD_REST, sk_keys, keys), END};

static const struct msg_desc rows[] = {
	{"SK_ENROLL", SK_ENROLL, sizeof(struct sk_ask_enroll), enroll_fields},
	{"SK_SIGN", SK_SIGN, sizeof(struct sk_ask_sign), sign_fields},
	{"SK_LIST", SK_LIST, sizeof(struct sk_ask_resident), resident_fields},
	{"SK_FAILED", SK_FAILED, sizeof(struct sk_failed), failed_fields},
	{"SK_ENROLLED", SK_ENROLLED, sizeof(struct sk_enrolled), enrolled_fields},
	{"SK_SIGNED", SK_SIGNED, sizeof(struct sk_signed), signed_fields},
	{"SK_KEYS", SK_KEYS, sizeof(struct sk_keys), keys_fields},
};
const struct msg_desc *const sk_enrolled_row = &rows[4];

const struct msg_desc *sk_msg_row(uint8_t number)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}
