#include "sys/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"

/* What people name when they mean "none": UserKnownHostsFile /dev/null, ssh -F /dev/null. */
static bool is_null(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3);
}

/* What policy has against this file; NULL: nothing. */
static const char *objection(const struct stat *st, const struct file_policy *p)
{
	if (is_null(st))
		return NULL;
	if (!S_ISREG(st->st_mode) && !((p->flags & FILE_PIPE) && S_ISFIFO(st->st_mode)))
		return "is not a regular file";
	if ((p->flags & FILE_OWNED) && st->st_uid != p->owner && st->st_uid != 0)
		return "belongs to another user; see chown(1)";
	if ((p->flags & FILE_NO_OTHERS) && (st->st_mode & 077))
		return "is open to others; run chmod 600 on it";
	if ((p->flags & FILE_NO_OTHER_WRITERS) && (st->st_mode & 022))
		return "can be written by others; run chmod go-w on it";
	return NULL;
}

int file_open(const char *path, const struct file_policy *p, struct err *e)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (p->flags & FILE_FOLLOW ? 0 : O_NOFOLLOW));
	if (fd < 0) {
		if (errno == ELOOP && !(p->flags & FILE_FOLLOW))
			err_set(e, ERR_DENIED, "%s is a symbolic link, which is not followed here", path);
		else
			err_errno(e, "cannot open %s", path);
		return -1;
	}
	const char *bad = NULL;
	if (fstat(fd, &st) < 0)
		err_errno(e, "cannot look at %s", path);
	else if ((bad = objection(&st, p)) != NULL)
		err_set(e, ERR_DENIED, "%s %s", path, bad);
	else if (p->max && (uintmax_t)st.st_size > p->max)
		err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", path, p->max);
	else if (S_ISFIFO(st.st_mode) && !fd_nonblock(fd, false))
		err_errno(e, "cannot wait for %s", path);
	else
		return fd;
	fd_close(&fd);
	return -1;
}

bool file_read_fd(int fd, const char *name, size_t max, struct buf *out, struct err *e)
{
	uint8_t chunk[16384];
	size_t have = 0;
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, "cannot read %s", name);
		if (n == 0)
			break;
		have += (size_t)n;              /* counted here as well: it may grow while we read, and /proc files say 0 */
		put_bytes(out, slice_of(chunk, (size_t)n));
		if ((max && have > max) || out->bad) {
			if (out->secret)
				mem_wipe(chunk, sizeof chunk);
			return err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", name, max && max < out->max ? max : out->max);
		}
	}
	if (out->secret)
		mem_wipe(chunk, sizeof chunk);
	return true;
}

bool file_read(const char *path, const struct file_policy *p, struct buf *out, struct err *e)
{
	int fd = file_open(path, p, e);
	if (fd < 0)
		return false;
	bool ok = file_read_fd(fd, path, p->max, out, e);
	fd_close(&fd);
	return ok;
}

/* In OpenSSH's words, which tools look for in the log. */
static bool strict_one(const struct stat *st, const char *path, uid_t owner, struct err *e)
{
	if ((st->st_uid == owner || st->st_uid == 0) && !(st->st_mode & 022))
		return true;
	return err_set(e, ERR_DENIED, "bad ownership or modes for %s %s", S_ISDIR(st->st_mode) ? "directory" : "file", path);
}

/* Cuts "/a/b/c" to "/a/b"; "/" stays. */
static void to_parent(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == NULL || slash == path)
		memcpy(path, "/", 2);
	else
		*slash = 0;
}

bool file_map(const char *path, const struct file_policy *p, struct slice *out, struct err *e)
{
	struct stat st;
	int fd = file_open(path, p, e);
	*out = slice_of(NULL, 0);
	if (fd < 0)
		return false;
	bool ok = fstat(fd, &st) == 0;
	if (ok && S_ISREG(st.st_mode) && st.st_size > 0) {
		size_t n = (size_t)st.st_size;
		void *at = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
		ok = at != MAP_FAILED;
		if (ok)
			*out = slice_of(at, n);
	}
	if (!ok)
		err_errno(e, "cannot read %s", path);
	fd_close(&fd);
	return ok;
}

void file_unmap(struct slice s)
{
	if (s.n)
		munmap((void *)(uintptr_t)s.p, s.n);
}

bool file_strict(int fd, const char *path, uid_t owner, const char *home, struct err *e)
{
	char real[PATH_MAX], top[PATH_MAX];
	struct stat st;
	if (realpath(path, real) == NULL)
		return err_errno(e, "cannot resolve %s", path);
	bool has_home = home && realpath(home, top) != NULL;
	if ((fd >= 0 ? fstat(fd, &st) : stat(real, &st)) < 0)
		return err_errno(e, "cannot look at %s", real);
	if (fd >= 0 && !S_ISREG(st.st_mode))
		return err_set(e, ERR_DENIED, "%s is not a regular file", real);
	if (!strict_one(&st, real, owner, e))
		return false;
	while (strcmp(real, "/") != 0 && !(has_home && strcmp(real, top) == 0)) {
		to_parent(real);
		if (stat(real, &st) < 0)
			return err_errno(e, "cannot look at %s", real);
		if (!strict_one(&st, real, owner, e))
			return false;
	}
	return true;
}

bool file_exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

bool file_make_dir(const char *path, mode_t mode, struct err *e)
{
	struct stat st;
	if (mkdir(path, mode) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
		return true;
	return err_errno(e, "cannot make directory %s", path);
}
