/* Inside client/: one judgement of one host key. hostkey.c decides, hostkey_say.c talks to people. */
#ifndef CLIENT_HOSTKEY_H
#define CLIENT_HOSTKEY_H

#include "client/known.h"
#include "key/cert.h"

struct look {
	struct client *c;
	struct slice blob;                                  /* as the server showed it */
	const struct key *key;                              /* that signs */
	const struct cert *cert;                            /* NULL: a plain key, or one whose certificate did not count */
	struct buf name, address;                           /* known_name, known_address */
	bool by_address;                                    /* CheckHostIP has something to look at */
	struct known_texts host, ip;
	struct known_result found, found_ip;
	bool dns_matches;                                   /* an SSHFP record has the key */
	bool trusted;                                       /* known before, or a human said yes: UpdateHostKeys may go on */
	struct answer_yes *a;
};

void hostkey_put_print(struct client *, const struct key *, struct buf *);   /* fingerprint by FingerprintHash */
const char *hostkey_host_text(const struct look *, char *out, size_t n);     /* "name (address)", with the port where it is not 22 */
void hostkey_show(const struct look *);                    /* VisualHostKey of a key that is known */
bool hostkey_ask(const struct look *);                     /* the question for a new key */
bool hostkey_ask_yes(const char *question);                /* yes or no */
void hostkey_warn_changed(const struct look *);
void hostkey_warn_spoofing(const struct look *);           /* name and address disagree */
void hostkey_warn_revoked(const struct look *);

/* hostdns.c: VerifyHostKeyDNS. True: a record that the resolver vouches for has the key, and the user is content with that. */
bool hostkey_in_dns(struct look *);

#endif
