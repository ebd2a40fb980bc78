#include "server/monitor.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/password.h"

enum { MESSAGE_MAX = 32 << 10 };

/* PAM asks; the password is the answer to every question without echo. What modules say is kept for the user. */
struct answering { struct monitor *m; struct slice password; };

void mon_keep_message(struct monitor *m, const char *text)
{
	if (m->login.message.len + strlen(text) < MESSAGE_MAX)
		put_fmt(&m->login.message, "%s\n", text);
}

static bool answer_password(void *arg, const struct pam_prompt *prompts, size_t n, struct buf *answers)
{
	struct answering *a = arg;
	for (size_t i = 0; i < n; i++) {
		if (prompts[i].kind == PAM_PROMPT_VISIBLE)
			return false;
		if (prompts[i].kind == PAM_PROMPT_SECRET)
			put_string(answers, a->password);
		else
			mon_keep_message(a->m, prompts[i].text);
	}
	return true;
}

/* Works as long for a user who may not log in at all: on a password that cannot be right. */
static bool by_pam(struct monitor *m, struct slice password, bool wrong)
{
	static const char impossible[] = "\b\n\r\177INCORRECT";
	struct answering a = {m, password};
	struct err err = {0};
	uint8_t junk[PASSWORD_MAX];
	if (!mon_pam_ready(m))
		return false;
	if (wrong) {
		size_t n = password.n < sizeof junk ? password.n : sizeof junk;
		for (size_t i = 0; i < n; i++)
			junk[i] = (uint8_t)impossible[i % (sizeof impossible - 1)];
		a.password = n ? slice_of(junk, n) : slice_str(impossible);
	}
	pam_login_set_ask(m->pam, answer_password, &a);
	enum pam_verdict v = pam_login_authenticate(m->pam, m->conf.permit_empty_passwords, &err);
	pam_login_set_ask(m->pam, NULL, NULL);
	if (v != PAM_VERDICT_OK) {
		log_at(LOG_LEVEL_DEBUG1, "PAM: password authentication failed for %s%s: %s", m->login.exists ? "" : "illegal user ",
			text_show(slice_str(m->login.user)), err.text);
		return false;
	}
	return !wrong && strcmp(pam_login_user(m->pam), m->login.user) == 0;
}

static enum password timed_check(struct monitor *m, struct slice password, const char *hash, uint64_t *took)
{
	struct err err = {0};
	uint64_t start = clock_us();
	enum password v = password_check(password, hash, m->login.fake_hash, m->conf.permit_empty_passwords, &err);
	*took = clock_us() - start;
	if (err.code != ERR_NONE)
		log_error("%s", err.text);
	return v;
}

/* A no comes after twice the time of the fake's method, whatever method the account's password has: one that is checked faster
 * would tell that it is there. */
static bool by_shadow(struct monitor *m, struct slice password, bool wrong)
{
	const char *hash = m->login.exists ? m->login.account->hash : NULL;
	uint64_t took;
	if (timed_check(m, password, hash, &took) == PASSWORD_YES && !wrong)
		return true;
	if (!password_costs_alike(hash, m->login.fake_hash))
		timed_check(m, password, NULL, &took);
	m->login.no_sooner = 2 * took;
	return false;
}

bool mon_check_password(struct monitor *m, struct slice password)
{
	bool root = m->login.account->uid == 0 && m->conf.permit_root_login != CONF_ROOT_YES;
	bool wrong = !m->login.allowed || root || (password.n == 0 && !m->conf.permit_empty_passwords);
	if (password.n > PASSWORD_MAX || slice_has_nul(password))
		return by_shadow(m, (struct slice){0}, true);
	return m->conf.use_pam ? by_pam(m, password, wrong) : by_shadow(m, password, wrong);
}

/* RFC 4252, section 8. Changing an expired password here is not offered, as in OpenSSH: that happens in the session. */
bool mon_on_password(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_password ask;
	struct reader r = reader_of(f->body);
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_PASSWORD)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	struct mon_result result = {.asked = ASK_PASSWORD, .method = METHOD_PASSWORD};
	if (ask.change)
		log_info("password change not supported");
	else if (mon_method_allowed(m, METHOD_PASSWORD))
		result.ok = mon_check_password(m, ask.password);
	return mon_conclude(m, &result);
}
