/* Writing files so that nobody ever sees half of one. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"

static bool sync_dir(const char *path, struct err *e)
{
	char *dir = file_dir(path);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Some file systems cannot sync a directory (EINVAL); then there is nothing better to do. */
	bool ok = fd >= 0 && (fsync(fd) == 0 || errno == EINVAL || errno == EROFS);
	if (!ok)
		err_errno(e, "cannot sync directory %s", dir);
	fd_close(&fd);
	mem_free(dir);
	return ok;
}

/* Closes fd in any case: an error of close is an error of the write (NFS). */
static bool fill(int fd, const char *path, struct slice contents, struct err *e)
{
	bool ok = fd_write_all(fd, contents, -1, e) && (fsync(fd) == 0 || errno == EINVAL || err_errno(e, "cannot sync"));   /* EINVAL: /dev/null */
	if (close(fd) < 0 && ok)
		ok = err_errno(e, "cannot close");
	return ok || err_prefix(e, "%s", path);
}

/* A new file beside path: same file system, so that rename is one step. The name is in *name, owned. */
static int make_temporary(const char *path, mode_t mode, char **name, struct err *e)
{
	for (int i = 0; i < 100; i++) {
		uint64_t salt;
		if (!proc_random(&salt, sizeof salt)) {
			err_errno(e, "cannot get random bytes");
			break;
		}
		*name = mem_fmt("%s.%016llx", path, (unsigned long long)salt);
		int fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
		if (fd >= 0)
			return fd;
		int error = errno;
		mem_free(*name);
		errno = error;
		if (error != EEXIST) {
			err_errno(e, "cannot make a temporary file beside %s", path);
			break;
		}
	}
	*name = NULL;
	return -1;
}

/* The mode of the file that is replaced, and its owner where we may set it. */
static bool take_over(int fd, const char *target, mode_t mode, struct err *e)
{
	struct stat st;
	if (stat(target, &st) < 0)
		return fchmod(fd, mode & 07777) == 0 || err_errno(e, "cannot set the mode of the new %s", target);
	if (!S_ISREG(st.st_mode))               /* rename would put a file where a device was */
		return err_set(e, ERR_DENIED, "%s is not a regular file", target);
	if (st.st_uid != geteuid() && fchown(fd, st.st_uid, st.st_gid) < 0)
		return err_errno(e, "cannot keep the owner of %s", target);
	return fchmod(fd, st.st_mode & 07777) == 0 || err_errno(e, "cannot keep the mode of %s", target);
}

bool file_write(const char *path, struct slice contents, mode_t mode, struct err *e)
{
	char real[PATH_MAX], *name;
	const char *target = realpath(path, real) ? real : path;
	int fd = make_temporary(target, 0600, &name, e);
	if (fd < 0)
		return false;
	bool ok = take_over(fd, target, mode, e);
	if (!ok)
		close(fd);
	ok = ok && fill(fd, target, contents, e);
	if (ok && rename(name, target) < 0)
		ok = err_errno(e, "cannot replace %s", target);
	if (!ok)
		unlink(name);
	mem_free(name);
	return ok && sync_dir(target, e);
}

bool file_create(const char *path, struct slice contents, mode_t mode, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode & 0777);
	if (fd < 0)
		return err_errno(e, "cannot create %s", path);
	if (!fill(fd, path, contents, e)) {
		unlink(path);
		return false;
	}
	return sync_dir(path, e);
}

/* A last line that lacks its end would swallow our first one. */
static bool lacks_end(int fd)
{
	struct stat st;
	char last;
	return fstat(fd, &st) == 0 && st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
}

bool file_append(const char *path, struct slice lines, mode_t mode, struct err *e)
{
	struct buf b = BUF_INIT(lines.n + 1);
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode & 0777);
	struct stat st;
	if (fd < 0)
		return err_errno(e, "cannot open %s for a new line", path);
	/* A character device is /dev/null most of the time: "keep no known hosts". */
	if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))) {
		close(fd);
		return err_set(e, ERR_DENIED, "%s is not a regular file", path);
	}
	if (lacks_end(fd))
		put_u8(&b, '\n');
	put_bytes(&b, lines);
	bool ok = fill(fd, path, buf_slice(&b), e);
	buf_clear(&b);
	return ok;
}
