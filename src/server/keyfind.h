/* Does anything let this key in as this user? In OpenSSH's order: the files of AuthorizedKeysFile, TrustedUserCAKeys with its
 * principals, AuthorizedKeysCommand.
 *
 * Files are read by a one-shot child under the user's uid, output of commands by one under the command's user. A child says
 * which line grants what.
 */
#ifndef SERVER_KEYFIND_H
#define SERVER_KEYFIND_H

#include "server/keyjudge.h"

struct keyfind {
	char *place;                                        /* file or command, with ":line" behind where there is one */
	bool by_ca;                                         /* through TrustedUserCAKeys: place is that file */
	struct authkeys_match match;                        /* grant and its store */
};
/* Log lines of the children are written here, but not that the key was found. Clear it in every case. */
bool keyfind(struct monitor *, const struct judgement *, struct keyfind *) MUST_CHECK;
void keyfind_clear(struct keyfind *);

/* For keyfind.c and keycommand.c. */
enum keyfind_source { KEYFIND_KEYS, KEYFIND_PRINCIPALS };
struct search {
	struct monitor *m;
	const struct judgement *j;
	bool ca_trusted;                                    /* the certificate's CA stands in TrustedUserCAKeys */
	struct buf log, grant;
	char *place;
	bool by_ca, decided;                                /* decided: a principal was found, so no other is looked for */
};
/* Judges one text: a file's or a command's. name is what log lines call it. */
bool keyfind_text(struct search *, enum keyfind_source, const char *name, struct slice text);
/* The same without a text: the certificate must name the user. */
bool keyfind_by_name(struct search *);

/* What a command is for: AuthorizedKeysCommand, AuthorizedPrincipalsCommand. */
struct keycommand {
	const char *keyword, *command, *user;
	enum keyfind_source source;
};
/* In the monitor: true where there is something to run, and *run holds it. */
struct keycommand_run { const struct keycommand *what; struct account *account; struct conf_list argv; char *shown; };
bool keycommand_prepare(const struct search *, const struct keycommand *, struct keycommand_run *);
void keycommand_clear(struct keycommand_run *);
/* In a child that has become the command's user: runs it, and judges what it says. */
bool keycommand_search(struct search *, const struct keycommand_run *);
enum { KEYCOMMAND_MS = 120000 };

#endif
