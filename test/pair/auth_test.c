/* Authentication between two of our own ends: every method with success, failure and partial success,
 * and peers that do not keep to the order. Signatures here are the signed data itself.
 */
#include "test/pair/link.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "core/handlers.h"
#include "key/authdata.h"

/* One credential of the client. */
struct try { enum credential_kind kind; const char *text; bool refuse; };   /* refuse: the signer or the human says no */
/* What the server wants: methods in this order. NULL: success. */
struct scene {
	const char *name;
	const char *want[4];
	struct try tries[8];
	bool no_hostbound;
	/* outcome */
	const char *method;                                 /* of EV_AUTHED; NULL: the client gives up */
	bool trivial;
	unsigned failures, partials, prompts, signs, banners, changes;
};

struct stage {
	const struct scene *scene;
	size_t try, stage;
	char methods[200];
	unsigned failures, partials, prompts, signs, banners, changes, rounds;
	bool hostbound;
	char authed[2][100];
	bool proved;
	enum auth_verdict force;                            /* what a broken monitor would say */
	bool forced;
	struct buf scratch;
};

static const char *wanted(const struct stage *s)
{
	return s->scene->want[s->stage];
}

static struct answer_auth verdict(struct stage *s, const char *method, bool right)
{
	struct answer_auth v = {.verdict = AUTH_FAILURE};
	bool fits = wanted(s) && strcmp(wanted(s), method) == 0 && right;
	if (fits)
		v.verdict = s->scene->want[++s->stage] ? AUTH_PARTIAL : AUTH_SUCCESS;
	v.methods = slice_str(wanted(s) ? wanted(s) : "");
	if (s->forced)
		v.verdict = (uint8_t)s->force;
	return v;
}

static bool signature_right(struct ssh *ssh, struct stage *s, const struct ask_verify *q)
{
	struct buf *b = &s->scratch;
	buf_reset(b);
	auth_signed_data(b, ssh_session_id(ssh), q->user, q->algorithm, q->blob, q->hostbound ? slice_str("host key of the test") : (struct slice){0});
	s->hostbound = q->hostbound;
	return slice_eq(buf_slice(b), q->signature) && slice_eq_str(q->blob, "good key");
}

static void put_prompt(struct buf *b, const char *text, bool echo)
{
	put_cstring(b, text);
	put_bool(b, echo);
}

static struct answer_auth kbdint_round(struct stage *s, bool right)
{
	struct answer_auth v = {.verdict = AUTH_PROMPTS, .name = SLICE_LIT("name"), .instruction = SLICE_LIT("do"), .count = 2};
	if (!right || s->rounds == 2)
		return verdict(s, "keyboard-interactive", right);
	s->rounds++;
	buf_reset(&s->scratch);
	put_prompt(&s->scratch, "Code: ", false);
	put_prompt(&s->scratch, "Again: ", true);
	v.prompts = buf_slice(&s->scratch);
	return v;
}

static bool responses_right(const struct ask_kbdint_reply *q)
{
	struct reader r = reader_of(q->responses);
	bool right = q->count == 2 && slice_eq_str(get_string(&r), "42") && slice_eq_str(get_string(&r), "42");
	return get_end(&r) && right;
}

static void server_asked(struct link *l, const struct ask *q)
{
	struct stage *s = l->arg;
	struct ssh *ssh = l->end[SSH_SERVER];
	struct answer a = {.kind = q->kind};
	switch (q->kind) {
	case ASK_AUTH_NONE:
		a.auth = verdict(s, "none", slice_eq_str(q->none.method, "none"));
		a.auth.banner = SLICE_LIT("Hello\n");
		break;
	case ASK_PASSWORD:
		a.auth = verdict(s, "password", slice_eq_str(q->password.change ? q->password.new_password : q->password.password, "right"));
		if (slice_eq_str(q->password.password, "old") && !q->password.change)
			a.auth = (struct answer_auth){.verdict = AUTH_CHANGE_PASSWORD, .instruction = SLICE_LIT("New one: ")};
		break;
	case ASK_KEY_OK:
		a.auth = verdict(s, "publickey", false);
		if (slice_eq_str(q->key.blob, "good key") && !s->forced)
			a.auth = (struct answer_auth){.verdict = AUTH_KEY_OK};
		break;
	case ASK_VERIFY: a.auth = verdict(s, "publickey", signature_right(ssh, s, &q->verify)); break;
	case ASK_KBDINT: s->rounds = 0; a.auth = kbdint_round(s, true); break;
	case ASK_KBDINT_REPLY: a.auth = kbdint_round(s, responses_right(&q->kbdint_reply)); break;
	default: fail_msg("server asks %d", q->kind);
	}
	ssh_answer(ssh, &a);
}

static void credential(struct stage *s, const struct ask_credential *q, struct answer_credential *c)
{
	const struct try *t = &s->scene->tries[s->try++];
	snprintf(s->methods, sizeof s->methods, "%.*s", (int)q->methods.n, (const char *)q->methods.p);
	s->failures += !q->first;
	s->partials += q->partial;
	*c = (struct answer_credential){.kind = (uint8_t)t->kind, .text = SLICE_LIT("no way in")};
	if (t->kind == CREDENTIAL_PROBE || t->kind == CREDENTIAL_SIGN) {
		c->algorithm = SLICE_LIT("ssh-ed25519");
		c->blob = slice_str(t->text);
	}
	if (t->kind == CREDENTIAL_PASSWORD)
		c->password = slice_str(t->text);
}

static void client_asked(struct link *l, const struct ask *q)
{
	struct stage *s = l->arg;
	struct answer a = {.kind = q->kind};
	const struct try *t = s->try ? &s->scene->tries[s->try - 1] : NULL;
	struct buf b = BUF_INIT(1000);
	switch (q->kind) {
	case ASK_CREDENTIAL: credential(s, &q->credential, &a.credential); break;
	case ASK_SIGN:
		s->signs++;
		a.sign = (struct answer_sign){!t->refuse, q->sign.data};
		break;
	case ASK_PROMPTS:
		s->prompts++;
		assert_int_equal(q->prompts.count, 2);
		put_cstring(&b, t->text);
		put_cstring(&b, t->text);
		a.prompts = (struct answer_prompts){!t->refuse, 2, buf_slice(&b)};
		break;
	case ASK_NEW_PASSWORD:
		s->changes++;
		a.new_password = (struct answer_new_password){!t->refuse, SLICE_LIT("old"), SLICE_LIT("right")};
		break;
	default: fail_msg("client asks %d", q->kind);
	}
	ssh_answer(l->end[SSH_CLIENT], &a);
	buf_clear(&b);
}

static void on_event(struct link *l, enum ssh_role side, struct ssh_event *ev)
{
	struct stage *s = l->arg;
	if (ev->kind == EV_ASK && side == SSH_SERVER)
		server_asked(l, &ev->ask);
	else if (ev->kind == EV_ASK)
		client_asked(l, &ev->ask);
	else if (ev->kind == EV_BANNER)
		s->banners++;
	else if (ev->kind == EV_AUTHED) {
		snprintf(s->authed[side], sizeof s->authed[side], "%.*s", (int)ev->name.n, (const char *)ev->name.p);
		if (side == SSH_CLIENT)
			s->proved = ev->ok;
	}
}

#define NONE CREDENTIAL_NONE, ""
#define GIVE_UP {CREDENTIAL_GIVE_UP, ""}
static const struct scene scenes[] = {
	{"none", {"none"}, {{NONE}}, .method = "none", .trivial = true, .banners = 1},
	{"none fails", {"password"}, {{NONE}, GIVE_UP}, .failures = 1, .banners = 1},
	{"password", {"password"}, {{CREDENTIAL_PASSWORD, "right"}}, .method = "password"},
	{"password at the second try, after none", {"password"}, {{NONE}, {CREDENTIAL_PASSWORD, "wrong"}, {CREDENTIAL_PASSWORD, "right"}},
	 .method = "password", .failures = 2, .banners = 1},
	{"password changed", {"password"}, {{CREDENTIAL_PASSWORD, "old"}}, .method = "password", .changes = 1},
	{"password not changed", {"password"}, {{CREDENTIAL_PASSWORD, "old", true}, GIVE_UP}, .failures = 1, .changes = 1},
	{"probe and sign", {"publickey"}, {{CREDENTIAL_PROBE, "good key"}}, .method = "publickey", .signs = 1},
	{"probe of a wrong key, then the right one", {"publickey"}, {{CREDENTIAL_PROBE, "bad key"}, {CREDENTIAL_PROBE, "good key"}},
	 .method = "publickey", .signs = 1, .failures = 1},
	{"signed at once", {"publickey"}, {{CREDENTIAL_SIGN, "good key"}}, .method = "publickey", .signs = 1},
	{"signed by a wrong key", {"publickey"}, {{CREDENTIAL_SIGN, "bad key"}, GIVE_UP}, .signs = 1, .failures = 1},
	{"signer refuses", {"publickey"}, {{CREDENTIAL_PROBE, "good key", true}, GIVE_UP}, .signs = 1, .failures = 1},
	{"server without hostbound", {"publickey"}, {{CREDENTIAL_PROBE, "good key"}}, .no_hostbound = true, .method = "publickey", .signs = 1},
	{"keyboard-interactive in two rounds", {"keyboard-interactive"}, {{CREDENTIAL_KBDINT, "42"}}, .method = "keyboard-interactive", .prompts = 2},
	{"keyboard-interactive fails", {"keyboard-interactive"}, {{CREDENTIAL_KBDINT, "41"}, GIVE_UP}, .prompts = 1, .failures = 1},
	{"keyboard-interactive given up for a password", {"password"}, {{CREDENTIAL_KBDINT, "42", true}, {CREDENTIAL_PASSWORD, "right"}},
	 .method = "password", .prompts = 1, .failures = 1},
	{"key, then password", {"publickey", "password"}, {{CREDENTIAL_SIGN, "good key"}, {CREDENTIAL_PASSWORD, "right"}},
	 .method = "password", .signs = 1, .failures = 1, .partials = 1},
	{"key, password, then keyboard-interactive", {"publickey", "password", "keyboard-interactive"},
	 {{NONE}, {CREDENTIAL_PROBE, "good key"}, {CREDENTIAL_PASSWORD, "right"}, {CREDENTIAL_KBDINT, "42"}},
	 .method = "keyboard-interactive", .signs = 1, .failures = 3, .partials = 2, .prompts = 2, .banners = 1},
	{"the wrong order", {"publickey", "password"}, {{CREDENTIAL_PASSWORD, "right"}, GIVE_UP}, .failures = 1},
	{"waits for the service first", {"password"}, {{CREDENTIAL_WAIT, ""}, {CREDENTIAL_PASSWORD, "right"}}, .method = "password"},
};

static struct link begin(struct stage *s, const struct scene *scene, enum link_feed feed)
{
	*s = (struct stage){.scene = scene, .scratch = BUF_INIT(10000)};
	struct link l = {.feed = feed, .seed = 9, .on_event = on_event, .arg = s, .now = 1};
	link_make(&l, NULL, NULL, NULL, scene->no_hostbound ? NULL : "publickey-hostbound@openssh.com");
	auth_begin(l.end[SSH_CLIENT]);
	return l;
}

static void end(struct link *l)
{
	struct stage *s = l->arg;
	buf_clear(&s->scratch);
	link_clear(l);
}

static void check_scene(const struct scene *c, const struct stage *s, const struct link *l)
{
	bool in = c->method != NULL;
	print_message("%s: %s\n", c->name, l->why[SSH_SERVER]);
	assert_string_equal(s->authed[SSH_CLIENT], in ? c->method : "");
	assert_string_equal(s->authed[SSH_SERVER], in ? "ann" : "");
	assert_int_equal(l->over[SSH_CLIENT], !in);
	if (in)
		assert_int_equal(s->proved, !c->trivial);
	else
		assert_string_equal(l->why[SSH_CLIENT], "no way in");
	assert_int_equal(s->failures, c->failures);
	assert_int_equal(s->partials, c->partials);
	assert_int_equal(s->prompts, c->prompts);
	assert_int_equal(s->signs, c->signs);
	assert_int_equal(s->banners, c->banners);
	assert_int_equal(s->changes, c->changes);
	if (in && c->signs)
		assert_int_equal(s->hostbound, !c->no_hostbound);
}

static void every_method_however_it_is_fed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(scenes); i++)
		for (enum link_feed feed = LINK_WHOLE; feed <= LINK_RANDOM; feed++) {
			struct stage s;
			struct link l = begin(&s, &scenes[i], feed);
			link_run(&l);
			check_scene(&scenes[i], &s, &l);
			end(&l);
		}
}

static void first_request_leaves_with_the_service_request(void **state)
{
	(void)state;
	static const struct scene scene = {"", {"password"}, {{CREDENTIAL_PASSWORD, "right"}}};
	struct stage s;
	struct link l = begin(&s, &scene, LINK_WHOLE);
	link_step(&l);                                      /* one flight there, one back */
	link_events(&l, SSH_CLIENT);
	assert_string_equal(s.authed[SSH_CLIENT], "password");
	end(&l);
}

/* What a client may send, as bytes, and how the server takes it. */
#define CONN "\0\0\0\016ssh-connection"
#define REQ(user, method) "\62\0\0\0\3" user CONN method
#define M_NONE "\0\0\0\4none"
#define M_PW "\0\0\0\10password"
#define M_KEY "\0\0\0\11publickey"
#define M_BOUND "\0\0\0\43publickey-hostbound-v00@openssh.com"
#define M_KBD "\0\0\0\24keyboard-interactive"
struct raw { const char *name; struct slice first, then; unsigned times; bool ends; const char *why; };
#define R(s) {(const uint8_t *)(s), sizeof(s) - 1}
static const struct raw raws[] = {
	{"another user", R(REQ("ann", M_NONE)), R(REQ("bob", M_NONE)), 1, true, "Change of username or service not allowed: (ann,ssh-connection) -> (bob,ssh-connection)"},
	{"another service", R(REQ("ann", M_NONE)), R("\62\0\0\0\3ann\0\0\0\7ssh-foo" M_NONE), 1, true, "Change of username or service not allowed"},
	{"unknown service", R("\62\0\0\0\3ann\0\0\0\7ssh-foo" M_NONE), {0}, 0, true, "no service"},
	{"too many requests", R(REQ("ann", M_NONE)), R(REQ("ann", M_NONE)), 64, true, "Too many authentication failures"},
	{"just enough requests", R(REQ("ann", M_NONE)), R(REQ("ann", M_NONE)), 63, false, ""},
	{"unknown methods", R(REQ("ann", "\0\0\0\3foo") "any\0thing"), R(REQ("ann", M_NONE)), 5, false, ""},
	{"too many probes", R(REQ("ann", M_NONE)), R(REQ("ann", M_KEY) "\0\0\0\0\1a\0\0\0\10good key"), 33, true, "Too many authentication failures"},
	{"many probes", R(REQ("ann", M_NONE)), R(REQ("ann", M_KEY) "\0\0\0\0\1a\0\0\0\10good key"), 32, false, ""},
	{"probe with a tail", R(REQ("ann", M_KEY) "\0\0\0\0\1a\0\0\0\10good keyx"), {0}, 0, true, "malformed publickey"},
	{"signed without a signature", R(REQ("ann", M_KEY) "\1\0\0\0\1a\0\0\0\10good key"), {0}, 0, true, "malformed publickey"},
	{"bound to another host", R(REQ("ann", M_BOUND) "\0\0\0\0\1a\0\0\0\10good key\0\0\0\3foo"), {0}, 0, true, "bound to a host key"},
	{"none with a tail", R(REQ("ann", M_NONE) "x"), {0}, 0, true, "malformed none"},
	{"password truncated", R(REQ("ann", M_PW) "\0\0\0\0\6righ"), {0}, 0, true, "malformed password"},
	{"change without a new password", R(REQ("ann", M_PW) "\1\0\0\0\5right"), {0}, 0, true, "malformed password"},
	{"request truncated", R("\62\0\0\0\3ann\0\0\0\016ssh-conn"), {0}, 0, true, "malformed USERAUTH"},
	{"NUL in the user", R("\62\0\0\0\3a\0n" CONN M_NONE), {0}, 0, true, "user name"},
	{"answers nobody asked for", R(REQ("ann", M_NONE)), R("\75\0\0\0\0"), 1, true, NULL},
	{"too few answers", R(REQ("ann", M_KBD) "\0\0\0\0\0\0\0\0"), R("\75\0\0\0\1\0\0\0\00242"), 1, true, "does not answer the 2 prompts"},
	{"more answers than said", R(REQ("ann", M_KBD) "\0\0\0\0\0\0\0\0"), R("\75\0\0\0\2\0\0\0\00242\0\0\0\00242\0\0\0\00242"), 1, true, "does not answer"},
	{"wrong answers, then no question is open", R(REQ("ann", M_KBD) "\0\0\0\0\0\0\0\0"), R("\75\0\0\0\2\0\0\0\00241\0\0\0\00242"), 2, true, NULL},
	{"exchange abandoned, then answered", R(REQ("ann", M_KBD) "\0\0\0\0\0\0\0\0"), R(REQ("ann", M_NONE)), 1, false, ""},
	{"a client that says success", R(REQ("ann", M_NONE)), R("\64"), 1, true, NULL},
	{"a client that opens a channel", R(REQ("ann", M_NONE)), R("\132\0\0\0\7session\0\0\0\0\0\0\1\0\0\0\1\0"), 1, true, NULL},
};

static void clients_that_break_the_order(void **state)
{
	(void)state;
	static const struct scene scene = {"", {"never"}, {GIVE_UP}};
	for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
		const struct raw *r = &raws[i];
		struct stage s;
		struct link l = begin(&s, &scene, LINK_WHOLE);
		l.end[SSH_CLIENT]->setup.no_pipeline = true;
		auth_free(l.end[SSH_CLIENT]->auth);
		l.end[SSH_CLIENT]->auth = NULL;             /* only bytes from here on: the client's answers do not matter */
		link_inject(&l, SSH_CLIENT, r->first);
		for (unsigned k = 0; k < r->times; k++)
			link_inject(&l, SSH_CLIENT, r->then);
		struct slice out = ssh_output(l.end[SSH_CLIENT]);
		memcpy(ssh_space(l.end[SSH_SERVER]).p, out.p, out.n);
		ssh_filled(l.end[SSH_SERVER], out.n, 1);
		link_events(&l, SSH_SERVER);
		if (l.over[SSH_SERVER] != r->ends || (r->ends && r->why && !strstr(l.why[SSH_SERVER], r->why)))
			fail_msg("%s: %s", r->name, l.over[SSH_SERVER] ? l.why[SSH_SERVER] : "went on");
		assert_string_equal(s.authed[SSH_SERVER], "");
		end(&l);
	}
}

/* What a server may send to a client that has a password request out. */
struct bad_server { const char *name; struct slice payload; const char *why; enum credential_kind out; };   /* out: 0: a password */
static const struct bad_server bad_servers[] = {
	{"failure without a list", R("\63"), "malformed USERAUTH_FAILURE"},
	{"key accepted that was not offered", R("\74\0\0\0\1a\0\0\0\3key"), "a key that was not offered", CREDENTIAL_PROBE},
	{"key accepted that is being signed for", R("\74\0\0\0\1a\0\0\0\3key"), NULL, CREDENTIAL_SIGN},
	{"change of password when none was asked for", R("\74\0\0\0\1a\0\0\0\0"), NULL, CREDENTIAL_KBDINT},
	{"questions cut off", R("\74\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\3foo"), "malformed USERAUTH_INFO_REQUEST", CREDENTIAL_KBDINT},
	{"more questions than there are", R("\74\0\0\0\0\0\0\0\0\0\0\0\0\377\377\377\377"), "malformed USERAUTH_INFO_REQUEST", CREDENTIAL_KBDINT},
	{"prompts", R("\74\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), NULL},
	{"a request", R(REQ("ann", M_NONE)), NULL},
	{"an answer", R("\75\0\0\0\0"), NULL},
	{"a channel", R("\132\0\0\0\7session\0\0\0\0\0\0\1\0\0\0\1\0"), NULL},
	{"success with a tail", R("\64x"), "malformed USERAUTH_SUCCESS"},
};

static void silent(struct link *l, enum ssh_role side, struct ssh_event *ev)
{
	if (side == SSH_CLIENT && ev->kind == EV_ASK)
		client_asked(l, &ev->ask);
}

static void servers_that_break_the_order(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad_servers); i++) {
		struct scene scene = {"", {"never"}, {{bad_servers[i].out ? bad_servers[i].out : CREDENTIAL_PASSWORD, "x"}, GIVE_UP}};
		struct stage s;
		struct link l = begin(&s, &scene, LINK_WHOLE);
		l.on_event = silent;                        /* the server's own ask stays open */
		link_run(&l);
		link_inject(&l, SSH_SERVER, bad_servers[i].payload);
		link_run(&l);
		if (!l.over[SSH_CLIENT] || (bad_servers[i].why && !strstr(l.why[SSH_CLIENT], bad_servers[i].why)))
			fail_msg("%s: %s", bad_servers[i].name, l.over[SSH_CLIENT] ? l.why[SSH_CLIENT] : "went on");
		end(&l);
	}
}

static void verdicts_that_do_not_fit_end_the_connection(void **state)
{
	(void)state;
	static const struct { struct try t; enum auth_verdict v; } cases[] = {
		{{CREDENTIAL_PROBE, "good key"}, AUTH_SUCCESS}, {{CREDENTIAL_PROBE, "good key"}, AUTH_PARTIAL}, {{CREDENTIAL_PASSWORD, "x"}, AUTH_KEY_OK},
		{{CREDENTIAL_NONE, ""}, AUTH_PROMPTS}, {{CREDENTIAL_SIGN, "good key"}, AUTH_CHANGE_PASSWORD}, {{CREDENTIAL_PASSWORD, "x"}, AUTH_HANGUP},
		{{CREDENTIAL_PASSWORD, "x"}, AUTH_HANGUP + 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scene scene = {"", {"never"}, {cases[i].t, GIVE_UP}};
		struct stage s;
		struct link l = begin(&s, &scene, LINK_WHOLE);
		s.forced = true;
		s.force = cases[i].v;
		link_run(&l);
		assert_true(l.over[SSH_SERVER]);
		assert_string_equal(s.authed[SSH_SERVER], "");
		assert_string_equal(s.authed[SSH_CLIENT], "");
		end(&l);
	}
}

static void late_requests_are_passed_over_a_few_times(void **state)
{
	(void)state;
	static const struct scene scene = {"", {"none"}, {{CREDENTIAL_NONE, ""}}};
	struct stage s;
	struct link l = begin(&s, &scene, LINK_WHOLE);
	link_run(&l);
	for (int i = 0; i < 8; i++)
		link_inject(&l, SSH_CLIENT, SLICE_LIT(REQ("bob", M_NONE)));
	link_run(&l);
	assert_false(l.over[SSH_SERVER]);
	link_inject(&l, SSH_CLIENT, SLICE_LIT(REQ("bob", M_NONE)));
	link_run(&l);
	assert_true(l.over[SSH_SERVER]);
	end(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_method_however_it_is_fed),
		cmocka_unit_test(first_request_leaves_with_the_service_request),
		cmocka_unit_test(clients_that_break_the_order),
		cmocka_unit_test(servers_that_break_the_order),
		cmocka_unit_test(verdicts_that_do_not_fit_end_the_connection),
		cmocka_unit_test(late_requests_are_passed_over_a_few_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
