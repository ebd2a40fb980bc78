#include "wire/token_msg.h"

#include "base/mem.h"

#define F(type, s, name) {#name, type, offsetof(struct s, name)}
#define END {NULL, FIELD_END, 0}

static const struct field hello_fields[] = {F(FIELD_U32, token_hello, version), END};
static const struct field open_fields[] = {F(FIELD_TEXT, token_open, provider), F(FIELD_SECRET, token_open, pin), END};
static const struct field keys_fields[] = {F(FIELD_U32, token_keys, count), F(FIELD_REST, token_keys, keys), END};
static const struct field sign_fields[] = {
	F(FIELD_STRING, token_sign, blob), F(FIELD_TEXT, token_sign, algorithm), F(FIELD_STRING, token_sign, data), F(FIELD_SECRET, token_sign, pin), END,
};
static const struct field signature_fields[] = {F(FIELD_STRING, token_signature, signature), END};
static const struct field pin_wanted_fields[] = {F(FIELD_TEXT, token_pin_wanted, label), END};
static const struct field failed_fields[] = {F(FIELD_TEXT, token_failed, text), END};

static const struct msg_desc rows[] = {
	{"TOKEN_HELLO", TOKEN_HELLO, sizeof(struct token_hello), hello_fields},
	{"TOKEN_OPEN", TOKEN_OPEN, sizeof(struct token_open), open_fields},
	{"TOKEN_KEYS", TOKEN_KEYS, sizeof(struct token_keys), keys_fields},
	{"TOKEN_SIGN", TOKEN_SIGN, sizeof(struct token_sign), sign_fields},
	{"TOKEN_SIGNATURE", TOKEN_SIGNATURE, sizeof(struct token_signature), signature_fields},
	{"TOKEN_PIN_WANTED", TOKEN_PIN_WANTED, sizeof(struct token_pin_wanted), pin_wanted_fields},
	{"TOKEN_FAILED", TOKEN_FAILED, sizeof(struct token_failed), failed_fields},
};

const struct msg_desc *token_msg_row(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}
