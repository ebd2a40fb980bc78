/* ssh -Q, -G and -V: what this build can do and what the configuration says. */
#ifndef CLIENT_QUERY_H
#define CLIENT_QUERY_H

#include "base/err.h"

bool query_print(const char *what, struct buf *out, struct err *) MUST_CHECK;
void query_version(struct buf *out);

#endif
