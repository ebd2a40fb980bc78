/* Host keys: only the monitor's processes hold them. */
#ifndef SERVER_HOSTKEYS_H
#define SERVER_HOSTKEYS_H

#include "conf/sshd_conf.h"
#include "key/key.h"

struct hostkeys { struct key **at; struct buf *blob; size_t n; };

/* Loads what HostKey names; files that fail are logged: as errors where the configuration names them, else for -d only.
 * False: no usable key at all. */
bool hostkeys_load(const struct sshd_conf *, struct hostkeys *) MUST_CHECK;
void hostkeys_clear(struct hostkeys *);
const struct key *hostkeys_find(const struct hostkeys *, struct slice blob);
/* Names of HostKeyAlgorithms for which a key is there; owned. */
char *hostkeys_algorithms(const struct hostkeys *, const char *configured);

#endif
