/* Inside client/: what is known of the host's keys: UserKnownHostsFile, GlobalKnownHostsFile, KnownHostsCommand (ssh_config(5)).
 *
 * Texts in the order in which they are searched: the user's own files, the system's, the command's output.
 * Names are as known_hosts_name writes them. The command is run once for each question: which algorithms to ask
 * for (ORDER), the host's name (HOSTNAME), its address (ADDRESS). A command that fails ends the connection.
 */
#ifndef CLIENT_KNOWN_H
#define CLIENT_KNOWN_H

#include "client/client.h"
#include "key/known_hosts.h"

struct known_text { struct buf text; char *path; };        /* path: "KnownHostsCommand" for the command's output */
struct known_texts {
	struct known_text *at;
	size_t n, mine, files;                              /* the first `mine` are the user's, all below `files` are files */
};

/* What a run of KnownHostsCommand is told. */
struct known_query {
	const char *invocation;                             /* %I */
	struct slice name;                                  /* %H */
	struct slice blob;                                  /* of the key that the host shows; empty: not known yet (%f, %K and %t are NONE) */
};

bool known_load(struct client *, const struct known_query *, struct known_texts *, struct err *) MUST_CHECK;
void known_load_files(struct client *, struct known_texts *);
void known_clear(struct known_texts *);
/* Looks in all texts. */
void known_check(const struct known_texts *, struct slice name, const struct key *, enum known_marker, struct known_result *);

/* HostKeyAlias, else the host, with the port where it is not 22. */
void known_name(struct client *, struct buf *name);
/* The same for the server's address; false: CheckHostIP is off, or the address says nothing of its own (a proxy, an alias, loopback,
 * an address given as the name). */
bool known_address(struct client *, struct buf *name);

#endif
