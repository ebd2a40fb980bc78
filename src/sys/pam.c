#include "sys/pam.h"

#include <security/pam_appl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

struct pam_login {
	pam_handle_t *h;
	pam_ask *ask;
	void *arg;
	int last;                                               /* pam_end tells modules how it ended */
	bool aborted, authenticated, established, open;
};

static const char *folder;

bool pam_login_built(void)
{
	return true;
}

void pam_login_use_folder(const char *path)
{
	folder = path;
}

/* PAM frees what we give it, with free(3): the answers and their list. */
static void drop_answers(struct pam_response *r, size_t n)
{
	for (size_t i = 0; r && i < n; i++)
		mem_free_secret(r[i].resp, r[i].resp ? strlen(r[i].resp) : 0);
	free(r);
}

/* Takes the strings of `answers` to the prompts that want one. */
static bool hand_out(struct buf *answers, const struct pam_prompt *p, size_t n, struct pam_response *out)
{
	struct reader r = reader_of(buf_slice(answers));
	for (size_t i = 0; i < n; i++) {
		if (p[i].kind != PAM_PROMPT_SECRET && p[i].kind != PAM_PROMPT_VISIBLE)
			continue;
		struct slice s = get_string(&r);
		if (r.bad || s.n > PAM_ANSWER_MAX || slice_has_nul(s))
			return false;
		out[i].resp = slice_dup(s);
	}
	return get_end(&r);
}

static enum pam_prompt_kind kind_of(int style)
{
	switch (style) {
	case PAM_PROMPT_ECHO_OFF: return PAM_PROMPT_SECRET;
	case PAM_PROMPT_ECHO_ON: return PAM_PROMPT_VISIBLE;
	case PAM_ERROR_MSG: return PAM_PROMPT_ERROR;
	default: return PAM_PROMPT_INFO;
	}
}

static int converse(int count, const struct pam_message **msg, struct pam_response **out, void *arg)
{
	struct pam_login *l = arg;
	struct pam_prompt prompts[PAM_PROMPTS_MAX];
	struct buf answers = BUF_INIT_SECRET(PAM_PROMPTS_MAX * (PAM_ANSWER_MAX + 4));
	*out = NULL;
	if (count <= 0 || count > PAM_PROMPTS_MAX || l->ask == NULL)
		return PAM_CONV_ERR;
	size_t n = (size_t)count;
	for (size_t i = 0; i < n; i++)
		prompts[i] = (struct pam_prompt){kind_of(msg[i]->msg_style), msg[i]->msg ? msg[i]->msg : ""};
	bool ok = l->ask(l->arg, prompts, n, &answers);
	l->aborted = l->aborted || !ok;
	struct pam_response *r = ok ? calloc(n, sizeof *r) : NULL;
	ok = r && !answers.bad && hand_out(&answers, prompts, n, r);
	buf_clear(&answers);
	if (!ok) {
		drop_answers(r, n);
		return PAM_CONV_ERR;
	}
	*out = r;
	return PAM_SUCCESS;
}

bool pam_ask_password(void *arg, const struct pam_prompt *p, size_t n, struct buf *answers)
{
	const struct slice *password = arg;
	for (size_t i = 0; i < n; i++) {
		if (p[i].kind == PAM_PROMPT_VISIBLE)
			return false;
		if (p[i].kind == PAM_PROMPT_SECRET)
			put_string(answers, *password);
	}
	return true;
}

static bool set_item(struct pam_login *l, int item, const char *value, struct err *e)
{
	if (value == NULL)
		return true;
	l->last = pam_set_item(l->h, item, value);
	return l->last == PAM_SUCCESS || err_set(e, ERR_SYSTEM, "PAM: cannot set item %d: %s", item, pam_strerror(l->h, l->last));
}

struct pam_login *pam_login_new(const char *service, const char *user, const char *rhost, const char *tty, struct err *e)
{
	struct pam_login *l = mem_new(sizeof *l);
	struct pam_conv conv = {.conv = converse, .appdata_ptr = l};
	l->last = folder ? pam_start_confdir(service, user, &conv, folder, &l->h) : pam_start(service, user, &conv, &l->h);
	if (l->last != PAM_SUCCESS) {
		err_set(e, ERR_SYSTEM, "PAM: cannot start service %s: %s", service, pam_strerror(l->h, l->last));
		l->h = NULL;
	} else if (set_item(l, PAM_RHOST, rhost, e) && set_item(l, PAM_TTY, tty, e)) {
		return l;
	}
	pam_login_free(l);
	return NULL;
}

void pam_login_set_ask(struct pam_login *l, pam_ask *ask, void *arg)
{
	l->ask = ask;
	l->arg = arg;
}

bool pam_login_set_tty(struct pam_login *l, const char *tty)
{
	return set_item(l, PAM_TTY, tty, NULL);
}

static enum pam_verdict verdict(struct pam_login *l, const char *what, struct err *e)
{
	if (l->last == PAM_SUCCESS)
		return PAM_VERDICT_OK;
	err_set(e, ERR_DENIED, "PAM: %s for %s: %s", what, text_show(slice_str(pam_login_user(l))), pam_strerror(l->h, l->last));
	if (l->aborted)
		return PAM_VERDICT_ABORTED;
	switch (l->last) {
	case PAM_NEW_AUTHTOK_REQD: return PAM_VERDICT_EXPIRED;
	case PAM_ABORT:
	case PAM_BUF_ERR:
	case PAM_SERVICE_ERR:
	case PAM_SYSTEM_ERR: return PAM_VERDICT_ERROR;
	default: return PAM_VERDICT_NO;
	}
}

enum pam_verdict pam_login_authenticate(struct pam_login *l, bool permit_empty, struct err *e)
{
	l->aborted = false;
	l->last = pam_authenticate(l->h, permit_empty ? 0 : (int)PAM_DISALLOW_NULL_AUTHTOK);
	l->authenticated = l->last == PAM_SUCCESS;
	return verdict(l, "Authentication failure", e);
}

enum pam_verdict pam_login_account(struct pam_login *l, struct err *e)
{
	l->aborted = false;
	l->last = pam_acct_mgmt(l->h, 0);
	return verdict(l, "account check", e);
}

enum pam_verdict pam_login_change_password(struct pam_login *l, struct err *e)
{
	l->aborted = false;
	l->last = pam_chauthtok(l->h, (int)PAM_CHANGE_EXPIRED_AUTHTOK);
	return verdict(l, "password change", e);
}

bool pam_login_establish(struct pam_login *l, struct err *e)
{
	l->last = pam_setcred(l->h, PAM_ESTABLISH_CRED);
	l->established = l->last == PAM_SUCCESS;
	if (l->established || !l->authenticated) {
		if (!l->established)
			log_debug("PAM: setcred: %s", pam_strerror(l->h, l->last));
		return true;
	}
	return err_set(e, ERR_DENIED, "PAM: pam_setcred(): %s", pam_strerror(l->h, l->last));
}

bool pam_login_open_session(struct pam_login *l, struct err *e)
{
	l->last = pam_open_session(l->h, 0);
	l->open = l->last == PAM_SUCCESS;
	return l->open || err_set(e, ERR_DENIED, "PAM: pam_open_session(): %s", pam_strerror(l->h, l->last));
}

bool pam_login_close_session(struct pam_login *l, struct err *e)
{
	bool ok = true;
	l->ask = NULL;                                          /* nobody is there to answer any more */
	if (l->established) {
		l->last = pam_setcred(l->h, PAM_DELETE_CRED);
		l->established = false;
	}
	if (l->open) {
		l->last = pam_close_session(l->h, 0);
		l->open = false;
		ok = l->last == PAM_SUCCESS || err_set(e, ERR_SYSTEM, "PAM: pam_close_session(): %s", pam_strerror(l->h, l->last));
	}
	return ok;
}

const char *pam_login_says(struct pam_login *l)
{
	return pam_strerror(l->h, l->last);
}

const char *pam_login_user(struct pam_login *l)
{
	const void *user = NULL;
	return pam_get_item(l->h, PAM_USER, &user) == PAM_SUCCESS && user ? user : "";
}

bool pam_login_put_env(struct pam_login *l, const char *name, const char *value)
{
	char *pair = mem_fmt("%s=%s", name, value);
	bool ok = pam_putenv(l->h, pair) == PAM_SUCCESS;
	mem_free(pair);
	return ok;
}

/* The list and its strings in one block, so that one mem_free gives it back. */
static char **one_block(char *const *list)
{
	size_t n = 0, bytes = 0, at = 0;
	for (; list && list[n]; n++)
		bytes += strlen(list[n]) + 1;
	char **out = mem_new((n + 1) * sizeof *out + bytes);
	char *text = (char *)(out + n + 1);
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(list[i]) + 1;
		out[i] = memcpy(text + at, list[i], len);
		at += len;
	}
	return out;
}

char **pam_login_env(struct pam_login *l)
{
	char **list = pam_getenvlist(l->h), **out = one_block(list);
	for (size_t i = 0; list && list[i]; i++)
		mem_free_secret(list[i], strlen(list[i]));
	free(list);
	return out;
}

void pam_login_free(struct pam_login *l)
{
	if (l == NULL)
		return;
	if (l->h) {
		pam_login_close_session(l, NULL);
		pam_end(l->h, l->last);
	}
	mem_free(l);
}
