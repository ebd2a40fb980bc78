/* Names of algorithms: the default lists of OpenSSH 10.5 in their order, and all names it knows.
 *
 * Text only: which of them this build can do is crypto's knowledge; algs_keep() cuts a list down to it.
 */
#ifndef CONF_ALGS_H
#define CONF_ALGS_H

#include "base/err.h"
#include "conf/conf.h"

extern const char algs_kex_client[], algs_kex_server[], algs_sig[], algs_cipher[], algs_mac[], algs_ca[];
extern const char algs_compression[];                       /* "none,zlib@openssh.com": the server's, and the client's without -C */
extern const char algs_compression_first[];                 /* "zlib@openssh.com,zlib,none": the client's with Compression yes */
/* All names of a kind, the default ones included. */
const char *algs_known(enum conf_algs);
/* Names of list that stand in supported too, in the order of list; owned. */
char *algs_keep(const char *list, const char *supported);
/* Works + - ^ and wildcards of `spec` into dflt; names are checked against known. Owned; NULL on error. An obsolete name
 * is refused with one line that names a better one. */
char *algs_assemble(struct slice spec, const char *dflt, const char *known, struct err *) MUST_CHECK;

#endif
