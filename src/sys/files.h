/* Files: the one opener, whole reads, StrictModes, atomic writes.
 *
 * (Not file.h: the C library has a <sys/file.h>, and src/ is in the include path.)
 *
 * file_open never blocks on a FIFO and never opens a device, and judges owner, mode and size by
 * the descriptor, not by the name. What is special or too large is refused before a byte is read;
 * only /dev/null passes always, as an empty file.
 */
#ifndef SYS_FILES_H
#define SYS_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
	FILE_FOLLOW = 1,                                        /* the last component may be a symbolic link */
	FILE_OWNED = 2,                                         /* owner must be policy.owner or root */
	FILE_NO_OTHERS = 4,                                     /* group and others have no access at all (private keys) */
	FILE_NO_OTHER_WRITERS = 8,                              /* group and others may not write */
	FILE_PIPE = 16,                                         /* a pipe will do: for names that a user typed, as in `ssh -F <(...)` */
};
struct file_policy { unsigned flags; uid_t owner; size_t max; };   /* max 0: any size */

int file_open(const char *path, const struct file_policy *, struct err *);   /* to read; -1 on failure */
/* Appends the whole file; ERR_LIMIT past policy.max or out's own. */
bool file_read(const char *path, const struct file_policy *, struct buf *out, struct err *) MUST_CHECK;
bool file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *) MUST_CHECK;
/* The whole file in memory, read only, without a copy; judged as by file_open. Who cuts the file meanwhile ends whoever reads on (SIGBUS):
 * for children that only compute. An empty file is an empty slice. */
bool file_map(const char *path, const struct file_policy *, struct slice *out, struct err *) MUST_CHECK;
void file_unmap(struct slice);
/* StrictModes: the open file and every directory from it up to home (or the root) belong to the user or root and nobody else may
 * write them. err names the bad path. fd may be -1: then the path is judged. */
bool file_strict(int fd, const char *path, uid_t owner, const char *home, struct err *) MUST_CHECK;

/* Either the old or the new contents stand there, whatever happens: temporary file, fsync, rename, fsync of the directory. A symbolic
 * link at path is followed, so that a link to a shared known_hosts stays one. An existing file keeps its mode. */
bool file_write(const char *path, struct slice contents, mode_t, struct err *) MUST_CHECK;
/* New file only (O_EXCL), made with its mode from the start. */
bool file_create(const char *path, struct slice contents, mode_t, struct err *) MUST_CHECK;
/* One write at the end (or into /dev/null); made with `mode` if missing. A last line without its end gets one first. */
bool file_append(const char *path, struct slice lines, mode_t, struct err *) MUST_CHECK;
bool file_make_dir(const char *path, mode_t, struct err *) MUST_CHECK;   /* fine if it is there */

struct file_list { char **at; size_t n; };
/* glob(7) in sorted order; nothing found is an empty list. At most 4096 names. */
bool file_glob(const char *pattern, struct file_list *out, struct err *) MUST_CHECK;
void file_list_clear(struct file_list *);

/* "~/x" with the given home, "~user/x" by the user database; others as they are. Owned. NULL: no such user. */
char *file_expand(const char *path, const char *home, struct err *);
char *file_join(const char *dir, const char *name);        /* name if it is absolute */
char *file_dir(const char *path);                          /* owned; "." where there is none */
bool file_exists(const char *path);
const char *file_home(void);                               /* of our own user, from the user database, else $HOME; never freed */

#endif
