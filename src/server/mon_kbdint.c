#include "server/monitor.h"

#include <string.h>

#include "base/log.h"
#include "sys/clock.h"

enum { PROMPTS_BYTES = 64 << 10 };

/* PAM's conversation answers the open ask with the prompts and waits for the next ask. Is that not the reply, it is
 * given back to the loop and the conversation is over. */
struct conversation { struct monitor *m; enum ask_kind open; };

static void put_prompt(struct buf *b, struct slice text, bool echo)
{
	put_string(b, text);
	put_bool(b, echo);
}

/* Infos and errors in front of the questions. */
static uint32_t collect(const struct pam_prompt *prompts, size_t n, struct buf *list, struct buf *instruction)
{
	uint32_t count = 0;
	for (size_t i = 0; i < n; i++) {
		struct slice text = slice_str(prompts[i].text);
		if (prompts[i].kind == PAM_PROMPT_SECRET || prompts[i].kind == PAM_PROMPT_VISIBLE) {
			put_prompt(list, text, prompts[i].kind == PAM_PROMPT_VISIBLE);
			count++;
		} else {
			put_str(instruction, instruction->len ? "\n" : "");
			put_bytes(instruction, text);
		}
	}
	return count;
}

static bool send_prompts(struct conversation *c, const struct pam_prompt *prompts, size_t n, uint32_t *count)
{
	struct buf list = BUF_INIT(PROMPTS_BYTES), instruction = BUF_INIT(PROMPTS_BYTES);
	*count = collect(prompts, n, &list, &instruction);
	if (c->open == ASK_KBDINT)
		mon_delay(c->m);
	struct answer_auth v = {.verdict = AUTH_PROMPTS, .count = *count, .prompts = buf_slice(&list), .instruction = buf_slice(&instruction)};
	bool ok = !list.bad && !instruction.bad && monitor_answer(c->m, c->open, &v);
	c->open = ASK_NONE;
	buf_clear(&list);
	buf_clear(&instruction);
	return ok;
}

static bool take_reply(struct conversation *c, const struct frame *f, uint32_t count, struct buf *answers)
{
	struct ask_kbdint_reply reply;
	struct reader r = reader_of(f->body);
	if (!msg_decode_body(ask_row(ASK_KBDINT_REPLY)->ask, &r, &reply) || !get_end(&r) || reply.count != count)
		return false;
	struct reader each = reader_of(reply.responses);
	for (uint32_t i = 0; i < count; i++)
		get_string(&each);
	if (!get_end(&each))
		return false;
	put_bytes(answers, reply.responses);
	c->open = ASK_KBDINT_REPLY;
	c->m->login.since = clock_us();
	return true;
}

static bool converse(void *arg, const struct pam_prompt *prompts, size_t n, struct buf *answers)
{
	struct conversation *c = arg;
	struct frame f;
	uint32_t count;
	if (c->open == ASK_NONE || !send_prompts(c, prompts, n, &count))
		return false;
	mon_log_auth(c->m, "Postponed", METHOD_KBDINT, "pam", NULL);
	while (monitor_next_net(c->m, &f)) {
		if (f.number == ASK_KBDINT_REPLY) {
			bool ok = take_reply(c, &f, count, answers);
			frame_close(&f);
			c->m->over |= !ok;
			return ok;
		}
		if (f.number != FRAME_LOG) {                /* the client turned to something else */
			c->m->held = f;
			c->m->has_held = true;
			return false;
		}
		if (!priv_serve(&c->m->server, &f)) {
			c->m->over = true;
			return false;
		}
	}
	c->m->over = true;
	return false;
}

/* Whose password has expired chooses a new one here, so that commands and file transfers work after it. Who may not log in at all
 * is told so where every method is judged. */
static bool account(struct monitor *m, struct err *err)
{
	enum pam_verdict v = pam_login_account(m->pam, err);
	bool expired = v == PAM_VERDICT_EXPIRED;
	if (expired)
		v = pam_login_change_password(m->pam, err);
	if (v == PAM_VERDICT_OK)
		m->login.account_says = PAM_SAYS_YES;
	else if (!expired)
		m->login.account_says = PAM_SAYS_NO;
	return v == PAM_VERDICT_OK || !expired;
}

static bool run_pam(struct monitor *m)
{
	struct conversation c = {m, ASK_KBDINT};
	struct err err = {0};
	bool root = m->login.account->uid == 0 && m->conf.permit_root_login != CONF_ROOT_YES;
	struct mon_result result = {.asked = ASK_KBDINT, .method = METHOD_KBDINT, .sub = "pam"};
	if (mon_pam_ready(m)) {
		pam_login_set_ask(m->pam, converse, &c);
		enum pam_verdict v = pam_login_authenticate(m->pam, m->conf.permit_empty_passwords, &err);
		bool right = v == PAM_VERDICT_OK && m->login.allowed && !root && strcmp(pam_login_user(m->pam), m->login.user) == 0;
		result.ok = right && account(m, &err);
		pam_login_set_ask(m->pam, NULL, NULL);
		if (c.open == ASK_NONE)                     /* no ask to answer: what was held comes next */
			return !m->over;
		if (v != PAM_VERDICT_OK || (right && !result.ok))
			log_error("PAM: %s for %s%s from %s", pam_login_says(m->pam), m->login.exists ? "" : "illegal user ",
				text_show(slice_str(m->login.user)), m->peer.host);
		result.asked = c.open;
	}
	return mon_conclude(m, &result);
}

/* Without PAM: one question for the password of the shadow file. */
static bool ask_password(struct monitor *m)
{
	struct buf list = BUF_INIT(64);
	put_prompt(&list, SLICE_LIT("Password: "), false);
	struct answer_auth v = {.verdict = AUTH_PROMPTS, .count = 1, .prompts = buf_slice(&list)};
	mon_log_auth(m, "Postponed", METHOD_KBDINT, NULL, NULL);
	mon_delay(m);
	bool ok = monitor_answer(m, ASK_KBDINT, &v);
	buf_clear(&list);
	return ok;
}

/* RFC 4256, section 3.1. */
bool mon_on_kbdint(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_kbdint ask;
	struct reader r = reader_of(f->body);
	(void)msg;
	if (!msg_decode_body(ask_row(ASK_KBDINT)->ask, &r, &ask) || !get_end(&r) || !mon_begin(m, ask.user))
		return false;
	m->login.kbdint_open = false;
	if (!mon_method_allowed(m, METHOD_KBDINT)) {
		struct mon_result no = {.asked = ASK_KBDINT, .method = METHOD_KBDINT};
		return mon_conclude(m, &no);
	}
	if (m->conf.use_pam)
		return run_pam(m);
	m->login.kbdint_open = true;
	return ask_password(m);
}

/* RFC 4256, section 3.4: with PAM these are taken inside the conversation, so this one is for ours. */
bool mon_on_kbdint_reply(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	struct ask_kbdint_reply ask;
	struct reader r = reader_of(f->body);
	(void)msg;
	if (!m->login.kbdint_open || !msg_decode_body(ask_row(ASK_KBDINT_REPLY)->ask, &r, &ask) || !get_end(&r) || ask.count != 1)
		return false;
	struct reader each = reader_of(ask.responses);
	struct slice password = get_string(&each);
	if (!get_end(&each))
		return false;
	m->login.kbdint_open = false;
	m->login.since = clock_us();
	struct mon_result result = {.asked = ASK_KBDINT_REPLY, .method = METHOD_KBDINT, .ok = mon_check_password(m, password)};
	return mon_conclude(m, &result);
}
