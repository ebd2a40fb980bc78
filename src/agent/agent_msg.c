#include "agent/agent_msg.h"

#include "base/mem.h"

#define F(type, s, name) {#name, type, offsetof(struct s, name)}
#define END {NULL, FIELD_END, 0}

static const struct field empty_fields[] = {END};
static const struct field identities_fields[] = {F(FIELD_U32, agent_identities, count), F(FIELD_REST, agent_identities, keys), END};
static const struct field sign_fields[] = {F(FIELD_STRING, agent_sign, blob), F(FIELD_STRING, agent_sign, data), F(FIELD_U32, agent_sign, flags), END};
static const struct field string_fields[] = {F(FIELD_STRING, agent_string, value), END};
static const struct field secret_fields[] = {F(FIELD_SECRET, agent_string, value), END};
static const struct field rest_fields[] = {F(FIELD_SECRET_REST, agent_rest, rest), END};
static const struct field card_fields[] = {F(FIELD_TEXT, agent_card, provider), F(FIELD_SECRET, agent_card, pin), F(FIELD_REST, agent_card, constraints), END};
static const struct field extension_fields[] = {F(FIELD_TEXT, agent_extension, name), F(FIELD_REST, agent_extension, contents), END};
static const struct field bind_fields[] = {
	F(FIELD_STRING, agent_bind, host_key), F(FIELD_STRING, agent_bind, session_id), F(FIELD_STRING, agent_bind, signature),
	F(FIELD_BOOL, agent_bind, forwarding), END,
};

const struct msg_desc agent_bind_desc = {"SESSION_BIND", 0, sizeof(struct agent_bind), bind_fields};

static const struct msg_desc rows[] = {
	{"AGENT_OLD_REQUEST", AGENT_OLD_REQUEST, sizeof(struct agent_empty), empty_fields},
	{"AGENT_OLD_ANSWER", AGENT_OLD_ANSWER, sizeof(struct agent_identities), identities_fields},
	{"AGENT_OLD_REMOVE_ALL", AGENT_OLD_REMOVE_ALL, sizeof(struct agent_empty), empty_fields},
	{"AGENT_FAILURE", AGENT_FAILURE, sizeof(struct agent_empty), empty_fields},
	{"AGENT_SUCCESS", AGENT_SUCCESS, sizeof(struct agent_empty), empty_fields},
	{"AGENT_REQUEST_IDENTITIES", AGENT_REQUEST_IDENTITIES, sizeof(struct agent_empty), empty_fields},
	{"AGENT_IDENTITIES_ANSWER", AGENT_IDENTITIES_ANSWER, sizeof(struct agent_identities), identities_fields},
	{"AGENT_SIGN_REQUEST", AGENT_SIGN_REQUEST, sizeof(struct agent_sign), sign_fields},
	{"AGENT_SIGN_RESPONSE", AGENT_SIGN_RESPONSE, sizeof(struct agent_string), string_fields},
	{"AGENT_ADD_IDENTITY", AGENT_ADD_IDENTITY, sizeof(struct agent_rest), rest_fields},
	{"AGENT_REMOVE_IDENTITY", AGENT_REMOVE_IDENTITY, sizeof(struct agent_string), string_fields},
	{"AGENT_REMOVE_ALL", AGENT_REMOVE_ALL, sizeof(struct agent_empty), empty_fields},
	{"AGENT_ADD_CARD", AGENT_ADD_CARD, sizeof(struct agent_card), card_fields},
	{"AGENT_REMOVE_CARD", AGENT_REMOVE_CARD, sizeof(struct agent_card), card_fields},
	{"AGENT_LOCK", AGENT_LOCK, sizeof(struct agent_string), secret_fields},
	{"AGENT_UNLOCK", AGENT_UNLOCK, sizeof(struct agent_string), secret_fields},
	{"AGENT_ADD_ID_CONSTRAINED", AGENT_ADD_ID_CONSTRAINED, sizeof(struct agent_rest), rest_fields},
	{"AGENT_ADD_CARD_CONSTRAINED", AGENT_ADD_CARD_CONSTRAINED, sizeof(struct agent_card), card_fields},
	{"AGENT_EXTENSION", AGENT_EXTENSION, sizeof(struct agent_extension), extension_fields},
	{"AGENT_EXTENSION_FAILURE", AGENT_EXTENSION_FAILURE, sizeof(struct agent_empty), empty_fields},
	{"AGENT_EXTENSION_RESPONSE", AGENT_EXTENSION_RESPONSE, sizeof(struct agent_extension), extension_fields},
};

const struct msg_desc *agent_msg_row(uint8_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (rows[i].number == number)
			return &rows[i];
	return NULL;
}
