/* Certificates in files, as ssh and ssh-add find them: FILE-cert.pub beside FILE, or a file that is named itself. */
#ifndef CLIENT_CERTFILE_H
#define CLIENT_CERTFILE_H

#include "key/cert.h"

/* Errors name the file. ERR_MISSING: no such file. */
struct cert *certfile_read(const char *path, struct err *);
/* The certificate of the key in `path`: that of path-cert.pub. Errors as above, and ERR_FORMAT where it is for another
 * key; key == NULL: whatever key. */
struct cert *certfile_beside(const char *path, const struct key *, struct err *);

#endif
