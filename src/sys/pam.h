/* A PAM transaction (pam(3)), from start to end in one process.
 *
 * PAM asks by calling back, so this header has the one callback of the server: `ask` gets the
 * prompts and returns the answers. The monitor's ask answers its pending request with the prompts
 * and waits for the next one (RFC 4256). A build without PAM links pam_none.c: then
 * pam_login_built() is false and pam_login_new fails.
 *
 * Every function blocks as long as the modules do. Texts from modules are not escaped here.
 */
#ifndef SYS_PAM_H
#define SYS_PAM_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

enum { PAM_PROMPTS_MAX = 32, PAM_ANSWER_MAX = 1024 };
enum pam_prompt_kind { PAM_PROMPT_SECRET, PAM_PROMPT_VISIBLE, PAM_PROMPT_INFO, PAM_PROMPT_ERROR };
struct pam_prompt { enum pam_prompt_kind kind; const char *text; };

/* One answer for each prompt of kind SECRET or VISIBLE, in order, appended to `answers` as RFC 4251 strings; INFO and ERROR need
 * none. false: the conversation is over. answers is a secret buf, wiped by the caller of ask. */
typedef bool pam_ask(void *arg, const struct pam_prompt *, size_t n, struct buf *answers);

/* A ready-made ask for the password method: arg is a const struct slice *; hidden prompts get it, a visible one ends the conversation. */
bool pam_ask_password(void *arg, const struct pam_prompt *, size_t n, struct buf *answers);

enum pam_verdict {
	PAM_VERDICT_OK = 0x5a17,
	PAM_VERDICT_NO = 0x11,                                  /* wrong password, unknown user, not allowed */
	PAM_VERDICT_EXPIRED = 0x12,                             /* account: the password must be changed first */
	PAM_VERDICT_ABORTED = 0x13,                             /* ask returned false */
	PAM_VERDICT_ERROR = 0x14,                               /* PAM itself failed */
};

struct pam_login;

bool pam_login_built(void);
/* For tests: service files are read from this folder (of a caller that keeps the string); NULL: the system's. */
void pam_login_use_folder(const char *);
/* rhost and tty may be NULL. ask NULL: modules that ask are told that nobody answers. */
struct pam_login *pam_login_new(const char *service, const char *user, const char *rhost, const char *tty, struct err *);
void pam_login_set_ask(struct pam_login *, pam_ask *, void *arg);
bool pam_login_set_tty(struct pam_login *, const char *tty);
/* What the steps say fills err with one line for the log. */
enum pam_verdict pam_login_authenticate(struct pam_login *, bool permit_empty, struct err *);
enum pam_verdict pam_login_account(struct pam_login *, struct err *);
enum pam_verdict pam_login_change_password(struct pam_login *, struct err *);   /* asks for the old and new one */
/* setcred. Where PAM did not authenticate (a key did), a module that is unhappy about that is passed over. */
bool pam_login_establish(struct pam_login *, struct err *) MUST_CHECK;
bool pam_login_open_session(struct pam_login *, struct err *) MUST_CHECK;
bool pam_login_close_session(struct pam_login *, struct err *);                 /* with the credentials; does nothing if not open */
/* What PAM calls the outcome of the last step: "Authentication failure". */
const char *pam_login_says(struct pam_login *);
/* The name after modules had their say; lives as long as the object. */
const char *pam_login_user(struct pam_login *);
bool pam_login_put_env(struct pam_login *, const char *name, const char *value);
/* NAME=value, NULL at the end; one block, given back with mem_free. */
char **pam_login_env(struct pam_login *);
void pam_login_free(struct pam_login *);                   /* closes what is open, pam_end */

#endif
