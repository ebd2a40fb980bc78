#include "server/monitor.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "crypto/hash.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/password.h"
#include "sys/record.h"

enum { DELAY_LEAST_US = 5000, DELAY_SPREAD_US = 4200, DELAY_MOST_US = 5000000, REQUESTS_MAX = 1024, BANNER_MAX = 64 << 10 };

bool mon_begin(struct monitor *m, struct slice user)
{
	m->login.since = clock_us();
	if (!mon_name_user(m, user))
		return false;
	return ++m->login.requests <= REQUESTS_MAX;
}

/* "Accepted publickey for root from 192.0.2.1 port 50000 ssh2: ED25519 SHA256:..." */
void mon_log_auth(struct monitor *m, const char *word, enum mon_method method, const char *sub, const char *info)
{
	const struct mon_login *l = &m->login;
	bool loud = strcmp(word, "Accepted") == 0 || !l->allowed || method == METHOD_PASSWORD ||
		l->failures >= (unsigned)m->conf.max_auth_tries / 2;
	bool postponed = strcmp(word, "Postponed") == 0;
	log_at(loud && !postponed ? LOG_LEVEL_INFO : LOG_LEVEL_VERBOSE, "%s %s%s%s for %s%s from %s port %u ssh2%s%s%s", word,
		mon_method_name(method), sub ? "/" : "", sub ? sub : "", l->allowed ? "" : "invalid user ",
		text_show(slice_str(l->user)), m->peer.addr, m->peer.port, info ? ": " : "", info ? info : "", postponed ? " [preauth]" : "");
}

/* btmp, as OpenSSH: what was guessed at, not which key was offered. */
static void record_guess(const struct monitor *m, enum mon_method method)
{
	if (method == METHOD_PASSWORD || method == METHOD_KBDINT)
		record_failure(m->login.user, m->peer.host, m->peer.remote.len ? &m->peer.remote : NULL, getpid());
}

/* A failure, or the first question, is told no earlier than a time that depends on the user's name and our secret only, so that
 * the answer's time says nothing about the account. */
void mon_delay(struct monitor *m)
{
	struct buf b = BUF_INIT_SECRET(1024);
	uint8_t h[HASH_MAX];
	put_u64(&b, m->shared->secret);
	put_cstring(&b, m->login.user);
	hash_once(&hash_sha256, buf_slice(&b), h);
	buf_clear(&b);
	uint64_t least = DELAY_LEAST_US + load_u32(h) % DELAY_SPREAD_US, gone = clock_us() - m->login.since;
	if (gone > DELAY_MOST_US)
		return;
	while (least < gone || least < m->login.no_sooner)
		least *= 2;
	m->login.no_sooner = 0;
	uint64_t rest = least - gone;
	struct timespec t = {.tv_sec = (time_t)(rest / 1000000), .tv_nsec = (long)(rest % 1000000) * 1000};
	nanosleep(&t, NULL);
}

bool mon_hang_up(struct monitor *m, enum ask_kind asked, const char *text)
{
	struct answer_auth v = {.verdict = AUTH_HANGUP, .instruction = slice_str(text)};
	return monitor_answer(m, asked, &v);
}

/* sshd_config(5), Banner: before the reply to the first request. */
static void read_banner(const struct monitor *m, struct buf *out)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = BANNER_MAX};
	struct err err;
	if (m->login.requests != 1 || m->conf.banner == NULL)
		return;
	if (!file_read(m->conf.banner, &policy, out, &err))
		log_debug("%s", err.text);
}

static bool too_many(struct monitor *m, enum ask_kind asked)
{
	const struct mon_login *l = &m->login;
	log_error("maximum authentication attempts exceeded for %s%s from %s port %u ssh2", l->allowed ? "" : "invalid user ",
		text_show(slice_str(l->user)), m->peer.addr, m->peer.port);
	return mon_hang_up(m, asked, "Too many authentication failures");
}

static bool tell_failure(struct monitor *m, const struct mon_result *r, bool partial)
{
	struct buf methods = BUF_INIT(1024), banner = BUF_INIT(BANNER_MAX + 1);
	struct mon_login *l = &m->login;
	bool counts = !partial && (l->requests > 1 || r->method != METHOD_NONE);
	l->failures += counts;
	m->exit_code = !l->exists ? EXIT_INVALID_USER : counts ? EXIT_AUTH_FAILED : m->exit_code;
	if (!partial) {
		record_guess(m, r->method);
		mon_delay(m);
	}
	if (l->failures >= (unsigned)m->conf.max_auth_tries)
		return too_many(m, r->asked);
	mon_methods_list(m, &methods);
	read_banner(m, &banner);
	struct answer_auth v = {.verdict = partial ? AUTH_PARTIAL : AUTH_FAILURE, .methods = buf_slice(&methods), .banner = buf_slice(&banner)};
	bool ok = monitor_answer(m, r->asked, &v);
	buf_clear(&methods);
	buf_clear(&banner);
	return ok;
}

/* What PAM's account modules say, after any method. */
static bool account_ok(struct monitor *m)
{
	struct err err = {0};
	if (m->login.account_says != PAM_SAYS_NOTHING)
		return m->login.account_says == PAM_SAYS_YES;
	if (!mon_pam_ready(m))
		return false;
	pam_login_set_ask(m->pam, mon_keep_words, m);
	enum pam_verdict v = pam_login_account(m->pam, &err);
	pam_login_set_ask(m->pam, NULL, NULL);
	switch (v) {
	case PAM_VERDICT_OK:
		return true;
	case PAM_VERDICT_EXPIRED:
		m->login.change_password = true;
		return true;
	default:
		break;
	}
	return false;
}

static bool tell_denied(struct monitor *m, enum ask_kind asked)
{
	log_at(LOG_LEVEL_FATAL, "Access denied for user %s by PAM account configuration [preauth]", text_show(slice_str(m->login.user)));
	m->over_said = true;
	m->exit_code = EXIT_FATAL;
	struct answer_auth v = {.verdict = AUTH_HANGUP, .instruction = SLICE_LIT("access denied by the account's configuration"),
		.banner = buf_slice(&m->login.message)};
	return monitor_answer(m, asked, &v);
}

static bool tell_success(struct monitor *m, const struct mon_result *r)
{
	struct buf banner = BUF_INIT(2 * BANNER_MAX);
	struct frame_authed authed = {slice_str(m->login.user)};
	read_banner(m, &banner);
	put_bytes(&banner, buf_slice(&m->login.message));   /* of PAM: a command without a terminal has no other place for it */
	buf_reset(&m->login.message);
	struct answer_auth v = {.verdict = AUTH_SUCCESS, .banner = buf_slice(&banner)};
	m->exit_code = EXIT_FINE;
	m->server.phase = MON_LOGGED_IN;
	if (!priv_send_msg(&m->ctl, FRAME_AUTHED, &frame_authed_desc, &authed, NULL, 0))
		log_debug("the listener has ended; this connection goes on");
	/* The client learns it first: while it opens its channel, the session is made. */
	bool ok = monitor_answer(m, r->asked, &v);
	buf_clear(&banner);
	return ok && mon_open_session(m);
}

/* sshd_config(5), ExposeAuthInfo: a line for each method that served. */
static void note_method(struct monitor *m, const struct mon_result *r)
{
	struct buf *b = &m->login.auth_info;
	put_str(b, mon_method_name(r->method));
	if (r->blob.n) {
		struct reader rd = reader_of(r->blob);
		put_str(b, " ");
		put_bytes(b, get_string(&rd));
		put_str(b, " ");
		put_base64(b, r->blob);
	}
	put_str(b, "\n");
}

/* The one place where a login succeeds or fails. */
bool mon_conclude(struct monitor *m, const struct mon_result *r)
{
	bool ok = r->ok && m->login.allowed, partial = false;
	if (ok && m->login.account->uid == 0)
		ok = mon_root_allowed(m, r->method);
	if (ok && !mon_method_done(m, r->method, r->sub)) {
		partial = true;
		ok = false;
	}
	if (ok && m->conf.use_pam && !account_ok(m)) {
		mon_log_auth(m, "Failed", r->method, r->sub, r->info);
		return tell_denied(m, r->asked);
	}
	if (ok || partial)
		note_method(m, r);
	/* Whose name is wrong is told once; after that only what was really tried. */
	bool tried = m->login.allowed ? r->method != METHOD_NONE : r->method == METHOD_PASSWORD || r->method == METHOD_KBDINT;
	if (tried || ok)
		mon_log_auth(m, ok ? "Accepted" : partial ? "Partial" : "Failed", r->method, r->sub, r->info);
	return ok ? tell_success(m, r) : tell_failure(m, r, partial);
}

/* RFC 4252, section 5.2: asks which methods there are; an account without a password may come in by it. */
bool mon_on_none(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_auth_none ask;
	struct reader r = reader_of(f->body);
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_AUTH_NONE)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	struct mon_result result = {.asked = ASK_AUTH_NONE, .method = METHOD_NONE};
	if (slice_eq_str(ask.method, "none") && m->conf.permit_empty_passwords && m->conf.password_authentication && m->login.left.n == 0)
		result.ok = mon_check_password(m, (struct slice){0});
	return mon_conclude(m, &result);
}
