/* Where the helper programs are: the environment names one, or it lies beside us (built, not installed), or in libexec. */
#ifndef CLIENT_HELPER_H
#define CLIENT_HELPER_H

char *helper_path(const char *variable, const char *name);    /* owned */

#endif
