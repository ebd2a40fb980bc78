#include "agent/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "agent/private.h"
#include "base/mem.h"

static struct agent *agent;
static struct agent_conn conn;
static struct buf reply, prompt;
static struct key *key;
static struct buf blob;
static struct err why;
static struct agent_work work;
static const struct agent_done *given;

static int setup(void **state)
{
	(void)state;
	agent = agent_new(0);
	conn = (struct agent_conn){0};
	reply = BUF_INIT(AGENT_MESSAGE_MAX);
	prompt = BUF_INIT(4096);
	blob = BUF_INIT(CERT_MAX);
	key = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	key_blob(key, &blob);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	agent_free(agent);
	agent_conn_clear(&conn);
	buf_clear(&reply);
	buf_clear(&prompt);
	buf_clear(&blob);
	key_free(key);
	return 0;
}

static enum agent_outcome handle(struct slice m, uint64_t now, bool confirmed)
{
	struct agent_turn t = {now, 1700000000, confirmed, &hash_sha256, &prompt, &why, "ssh:*", &work, given};
	why = (struct err){0};
	buf_reset(&prompt);
	return agent_handle(agent, &conn, m, &t, &reply);
}

static uint8_t ask(struct buf *m, uint64_t now)
{
	assert_false(m->bad);
	assert_int_equal(handle(buf_slice(m), now, false), AGENT_ANSWERED);
	buf_clear(m);
	assert_true(reply.len > 0);
	return reply.p[0];
}

static struct buf add_message(const struct key *k, const char *comment, struct slice constraints)
{
	struct buf m = BUF_INIT_SECRET(AGENT_MESSAGE_MAX);
	put_u8(&m, constraints.n ? AGENT_ADD_ID_CONSTRAINED : AGENT_ADD_IDENTITY);
	agent_put_private(k, slice_of(NULL, 0), &m);
	put_cstring(&m, comment);
	put_bytes(&m, constraints);
	return m;
}

static struct buf sign_message(struct slice b, struct slice data, uint32_t flags)
{
	struct buf m = BUF_INIT(AGENT_MESSAGE_MAX);
	struct agent_sign s = {b, data, flags};
	msg_encode(agent_msg_row(AGENT_SIGN_REQUEST), &s, &m);
	return m;
}

static struct buf simple(uint8_t type, const char *text)
{
	struct buf m = BUF_INIT(4096);
	put_u8(&m, type);
	if (text)
		put_cstring(&m, text);
	return m;
}

static void every_cut_of_every_message_is_refused(void **state)
{
	(void)state;
	struct buf all[] = {add_message(key, "c", SLICE_LIT("\1\0\0\0\5\2")), sign_message(buf_slice(&blob), SLICE_LIT("data"), 0),
		simple(AGENT_LOCK, "x"), simple(AGENT_REMOVE_IDENTITY, "abc"), simple(AGENT_EXTENSION, "none@x")};
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		/* constraints may end behind each of them, and be none */
		size_t whole = i ? all[i].len : all[i].len - 6;
		for (size_t n = 0; n < whole; n++) {
			assert_int_equal(handle(slice_of(all[i].p, n), 1, false), AGENT_ANSWERED);
			assert_int_equal(reply.len, 1);
			assert_int_equal(reply.p[0], AGENT_FAILURE);
		}
		put_u8(&all[i], 7);
		handle(buf_slice(&all[i]), 1, false);
		assert_int_equal(reply.p[0], AGENT_FAILURE);
		buf_clear(&all[i]);
	}
	assert_int_equal(agent_count(agent), 0);
}

static void signatures_are_right_and_flags_checked(void **state)
{
	(void)state;
	struct buf m = add_message(key, "c", slice_of(NULL, 0));
	struct agent_string s;
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = sign_message(buf_slice(&blob), SLICE_LIT("data"), 0);
	assert_int_equal(ask(&m, 1), AGENT_SIGN_RESPONSE);
	assert_true(msg_decode(agent_msg_row(AGENT_SIGN_RESPONSE), buf_slice(&reply), &s));
	assert_int_equal(key_verify(key, key_alg_find(SLICE_LIT("ssh-ed25519")), SLICE_LIT("data"), s.value), VERDICT_VERIFIED);
	m = sign_message(buf_slice(&blob), SLICE_LIT("data"), 8);
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
}

static void lifetimes_end_and_a_second_adding_replaces(void **state)
{
	(void)state;
	struct buf m = add_message(key, "c", SLICE_LIT("\1\0\0\0\5"));
	assert_int_equal(ask(&m, 100), AGENT_SUCCESS);
	assert_int_equal(agent_next_expiry(agent), 105);
	m = simple(AGENT_REQUEST_IDENTITIES, NULL);
	assert_int_equal(ask(&m, 104), AGENT_IDENTITIES_ANSWER);
	assert_int_equal(load_u32(reply.p + 1), 1);
	m = add_message(key, "c", SLICE_LIT("\1\0\0\0\11"));
	assert_int_equal(ask(&m, 104), AGENT_SUCCESS);
	assert_int_equal(agent_count(agent), 1);
	assert_int_equal(agent_next_expiry(agent), 113);
	m = simple(AGENT_REQUEST_IDENTITIES, NULL);
	assert_int_equal(ask(&m, 113), AGENT_IDENTITIES_ANSWER);
	assert_int_equal(load_u32(reply.p + 1), 0);
	m = add_message(key, "c", SLICE_LIT("\1\0\0\0\5\1\0\0\0\11"));
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
}

static void a_use_waits_for_confirmation(void **state)
{
	(void)state;
	struct buf m = add_message(key, "evil\033[2J", SLICE_LIT("\2"));
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = sign_message(buf_slice(&blob), SLICE_LIT("data"), 0);
	assert_int_equal(handle(buf_slice(&m), 1, false), AGENT_CONFIRM);
	assert_int_equal(reply.len, 0);
	assert_non_null(strstr(buf_cstr(&prompt), "SHA256:"));
	assert_null(memchr(prompt.p, '\033', prompt.len));
	assert_int_equal(handle(buf_slice(&m), 1, true), AGENT_ANSWERED);
	assert_int_equal(reply.p[0], AGENT_SIGN_RESPONSE);
	buf_clear(&m);
}

static struct buf bind_message(const struct key *host, struct slice id, bool forwarding)
{
	struct buf m = BUF_INIT(8192), body = BUF_INIT(8192), host_blob = BUF_INIT(4096), sig = BUF_INIT(4096);
	key_blob(host, &host_blob);
	assert_true(key_sign(host, key_alg_find(SLICE_LIT("ssh-ed25519")), id, &sig, NULL));
	struct agent_bind b = {buf_slice(&host_blob), id, buf_slice(&sig), forwarding};
	msg_encode_body(&agent_bind_desc, &b, &body);
	struct agent_extension e = {SLICE_LIT(AGENT_EXT_BIND), buf_slice(&body)};
	msg_encode(agent_msg_row(AGENT_EXTENSION), &e, &m);
	buf_clear(&body);
	buf_clear(&host_blob);
	buf_clear(&sig);
	return m;
}

static void locked_it_only_unlocks_and_binds(void **state)
{
	(void)state;
	struct buf m = add_message(key, "c", slice_of(NULL, 0));
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = simple(AGENT_LOCK, "right");
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = simple(AGENT_LOCK, "again");
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	m = sign_message(buf_slice(&blob), SLICE_LIT("data"), 0);
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	m = simple(AGENT_REMOVE_ALL, NULL);
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	m = simple(AGENT_REQUEST_IDENTITIES, NULL);
	assert_int_equal(ask(&m, 1), AGENT_IDENTITIES_ANSWER);
	assert_int_equal(load_u32(reply.p + 1), 0);
	m = bind_message(key, SLICE_LIT("session"), true);
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	assert_int_equal(conn.sessions.n, 1);
	m = simple(AGENT_UNLOCK, "wrong");
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	m = simple(AGENT_UNLOCK, "right");
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = sign_message(buf_slice(&blob), SLICE_LIT("data"), 0);
	assert_int_equal(ask(&m, 1), AGENT_SIGN_RESPONSE);
}

static void sessions_have_their_limits(void **state)
{
	(void)state;
	struct buf m;
	uint8_t id = 0;
	for (; id < SESSIONS_MAX; id++) {
		m = bind_message(key, slice_of(&id, 1), true);
		assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	}
	m = bind_message(key, slice_of(&id, 1), true);
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	assert_true(conn.sessions.failed);
	agent_conn_clear(&conn);
	m = bind_message(key, SLICE_LIT("a"), false);
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = bind_message(key, SLICE_LIT("b"), false);
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	agent_conn_clear(&conn);
	m = bind_message(key, SLICE_LIT("a"), false);
	m.p[m.len - 2] ^= 1;                                /* the signature's last byte */
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	assert_true(conn.sessions.failed);
}

static struct buf card(uint8_t type, const char *provider, struct slice constraints)
{
	struct buf m = BUF_INIT(AGENT_MESSAGE_MAX);
	struct agent_card c = {slice_str(provider), SLICE_LIT("1234"), constraints};
	msg_encode(agent_msg_row(type), &c, &m);
	return m;
}

static enum agent_outcome handle_with(struct buf *m, const struct agent_done *done, bool confirmed)
{
	given = done;
	enum agent_outcome o = handle(buf_slice(m), 1, confirmed);
	given = NULL;
	return o;
}

static void keys_of_a_token_sign_outside(void **state)
{
	(void)state;
	struct agent_token_key k = {buf_slice(&blob), SLICE_LIT("label")};
	struct agent_done loaded = {.provider = SLICE_LIT("/real.so"), .keys = &k, .n = 1}, signature = {.signature = SLICE_LIT("sig")};
	struct agent_string s;
	struct buf m = card(AGENT_ADD_CARD_CONSTRAINED, "/lib.so", SLICE_LIT("\2"));
	assert_int_equal(handle_with(&m, NULL, false), AGENT_TOKEN_LOAD);
	assert_true(slice_eq_str(work.provider, "/lib.so") && slice_eq_str(work.pin, "1234"));
	assert_int_equal(agent_count(agent), 0);
	assert_int_equal(handle_with(&m, &loaded, false), AGENT_ANSWERED);
	assert_int_equal(reply.p[0], AGENT_SUCCESS);
	assert_true(agent_uses(agent, SLICE_LIT("/real.so")));
	buf_clear(&m);
	m = sign_message(buf_slice(&blob), SLICE_LIT("data"), 0);
	assert_int_equal(handle_with(&m, NULL, false), AGENT_CONFIRM);
	assert_int_equal(handle_with(&m, NULL, true), AGENT_TOKEN_SIGN);
	assert_true(slice_eq_str(work.provider, "/real.so") && slice_eq_str(work.data, "data") && slice_eq(work.blob, buf_slice(&blob)));
	assert_string_equal(work.alg->name, "ssh-ed25519");
	assert_int_equal(handle_with(&m, &signature, true), AGENT_ANSWERED);
	assert_true(msg_decode(agent_msg_row(AGENT_SIGN_RESPONSE), buf_slice(&reply), &s) && slice_eq_str(s.value, "sig"));
	buf_clear(&m);
	m = card(AGENT_REMOVE_CARD, "/lib.so", slice_of(NULL, 0));
	assert_int_equal(handle_with(&m, NULL, false), AGENT_TOKEN_DROP);
	assert_int_equal(handle_with(&m, &(struct agent_done){.provider = SLICE_LIT("/other.so")}, false), AGENT_ANSWERED);
	assert_int_equal(reply.p[0], AGENT_FAILURE);
	assert_int_equal(handle_with(&m, &loaded, false), AGENT_ANSWERED);
	assert_int_equal(reply.p[0], AGENT_SUCCESS);
	assert_int_equal(agent_count(agent), 0);
	buf_clear(&m);
}

static void requests_for_tokens_are_checked_before_anything_is_loaded(void **state)
{
	(void)state;
	const struct { uint8_t type; const char *provider; struct slice constraints; } bad[] = {
		{AGENT_ADD_CARD, "", {NULL, 0}}, {AGENT_ADD_CARD, "/lib.so", SLICE_LIT("\2")}, {AGENT_ADD_CARD_CONSTRAINED, "/lib.so", SLICE_LIT("\3")},
		{AGENT_ADD_CARD_CONSTRAINED, "/lib.so", SLICE_LIT("\1\0\0")}, {AGENT_REMOVE_CARD, "", {NULL, 0}},
		{AGENT_ADD_CARD_CONSTRAINED, "/lib.so", SLICE_LIT("\377\0\0\0\45associated-certs-v00@openssh.com\1\0\0\0\5")},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf m = card(bad[i].type, bad[i].provider, bad[i].constraints);
		assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	}
	struct buf m = simple(AGENT_LOCK, "x");
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	m = card(AGENT_ADD_CARD, "/lib.so", slice_of(NULL, 0));
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
}

static void the_agent_gets_full(void **state)
{
	(void)state;
	struct buf m;
	for (int i = 0; i < AGENT_KEYS; i++) {
		struct key *k = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
		m = add_message(k, "c", slice_of(NULL, 0));
		assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
		key_free(k);
	}
	m = add_message(key, "c", slice_of(NULL, 0));
	assert_int_equal(ask(&m, 1), AGENT_FAILURE);
	m = simple(AGENT_REMOVE_ALL, NULL);
	assert_int_equal(ask(&m, 1), AGENT_SUCCESS);
	assert_int_equal(agent_count(agent), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_cut_of_every_message_is_refused),
		T(signatures_are_right_and_flags_checked),
		T(lifetimes_end_and_a_second_adding_replaces),
		T(a_use_waits_for_confirmation),
		T(locked_it_only_unlocks_and_binds),
		T(sessions_have_their_limits),
		T(keys_of_a_token_sign_outside),
		T(requests_for_tokens_are_checked_before_anything_is_loaded),
		T(the_agent_gets_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
