/* Builds without PAM. */
#include "base/mem.h"
#include "sys/pam.h"

static enum pam_verdict absent(struct err *e)
{
	err_set(e, ERR_UNSUPPORTED, "this build has no PAM; set UsePAM no");
	return PAM_VERDICT_ERROR;
}

bool pam_login_built(void)
{
	return false;
}

void pam_login_use_folder(const char *path)
{
	(void)path;
}

bool pam_ask_password(void *arg, const struct pam_prompt *p, size_t n, struct buf *answers)
{
	(void)arg, (void)p, (void)n, (void)answers;
	return false;
}

struct pam_login *pam_login_new(const char *service, const char *user, const char *rhost, const char *tty, struct err *e)
{
	(void)service, (void)user, (void)rhost, (void)tty;
	absent(e);
	return NULL;
}

void pam_login_set_ask(struct pam_login *l, pam_ask *ask, void *arg)
{
	(void)l, (void)ask, (void)arg;
}

bool pam_login_set_tty(struct pam_login *l, const char *tty)
{
	(void)l, (void)tty;
	return false;
}

enum pam_verdict pam_login_authenticate(struct pam_login *l, bool permit_empty, struct err *e)
{
	(void)l, (void)permit_empty;
	return absent(e);
}

enum pam_verdict pam_login_account(struct pam_login *l, struct err *e)
{
	(void)l;
	return absent(e);
}

enum pam_verdict pam_login_change_password(struct pam_login *l, struct err *e)
{
	(void)l;
	return absent(e);
}

bool pam_login_establish(struct pam_login *l, struct err *e)
{
	(void)l;
	return absent(e) == PAM_VERDICT_OK;
}

bool pam_login_open_session(struct pam_login *l, struct err *e)
{
	(void)l;
	return absent(e) == PAM_VERDICT_OK;
}

bool pam_login_close_session(struct pam_login *l, struct err *e)
{
	(void)l, (void)e;
	return true;
}

const char *pam_login_says(struct pam_login *l)
{
	(void)l;
	return "";
}

const char *pam_login_user(struct pam_login *l)
{
	(void)l;
	return "";
}

bool pam_login_put_env(struct pam_login *l, const char *name, const char *value)
{
	(void)l, (void)name, (void)value;
	return false;
}

char **pam_login_env(struct pam_login *l)
{
	(void)l;
	return mem_new(sizeof(char *));
}

void pam_login_free(struct pam_login *l)
{
	(void)l;
}
