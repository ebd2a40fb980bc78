/* The keys a client may log in with: those of the agent, of IdentityFile and CertificateFile, in the order in which
 * OpenSSH 10.5 tries them: CertificateFile; what is in a file and in the agent; what only the agent has; what is in files alone.
 * Among those that nobody named, certificates come before keys.
 *
 * A certificate is an identity of its own. Without CertificateFile that is FILE-cert.pub beside FILE. The private half is that
 * of another identity with the same key, or the agent's.
 */
#ifndef CLIENT_IDENTITY_H
#define CLIENT_IDENTITY_H

#include "drive/agentio.h"
#include "client/client.h"
#include "client/token.h"
#include "key/cert.h"

struct identity {
	char *path;                                         /* NULL: only the agent knows it */
	char *comment;
	struct key *public, *private;                       /* private NULL: in the agent, or behind a passphrase */
	struct cert *cert;                                  /* NULL: a plain key; else blob is the certificate, public what is in it */
	struct buf blob;
	size_t agent_at;                                    /* place in the agent's list */
	bool no_key_file;                                   /* path is that of a certificate, or of a token's library, only */
	bool in_token;                                      /* PKCS11Provider has it */
	bool in_agent, tried;
	bool given;                                         /* named in the configuration; else a default name, or the agent's */
	bool listed;                                        /* in CertificateFile */
};
struct identities { struct identity *at; size_t n; struct agentio agent; bool has_agent; struct token_link token; bool has_token; };

void identities_load(struct client *, struct identities *);
void identities_clear(struct identities *);
/* The server took a signature of this one: AddKeysToAgent (identity_keep.c). */
void identity_keep(struct client *, struct identities *, const struct identity *);
/* Name of the signature algorithm that fits the key, our list and the server's; NULL: none does. */
const struct key_alg *identity_alg(struct client *, const struct identity *);
/* Signs with agent or file; asks for a passphrase where one is needed. */
bool identity_sign(struct client *, struct identities *, struct identity *, const struct key_alg *, struct slice data, struct buf *sig, struct err *) MUST_CHECK;
struct identity *identity_signer(struct identities *, struct identity *);   /* whose private half it takes: for a plain key its own */
void identities_show(struct client *, struct buf *out);  /* before any connection: a line for each, in the order in which they would be tried */
bool identity_agent(struct client *, struct agentio *) MUST_CHECK;   /* another socket of the agent, not bound to the session; agentio_close it */
void identity_put(const struct identity *, struct buf *);  /* for logs: "PATH TYPE FINGERPRINT explicit agent" */
struct identity *identity_find(struct identities *, struct slice blob);

#endif
