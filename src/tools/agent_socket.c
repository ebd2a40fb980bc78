#include "tools/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/sock.h"

enum { RANDOM_BYTES = 5, HOST_BYTES = 5, FD_FIRST = 3 };

static char *host_word(void)
{
	char host[256] = "";
	uint8_t digest[HASH_MAX];
	struct buf hex = BUF_INIT(64);
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = 0;
	hash_once(&hash_sha256, slice_str(host), digest);
	put_hex(&hex, slice_of(digest, HOST_BYTES));
	char *word = mem_str(buf_cstr(&hex));
	buf_clear(&hex);
	return word;
}

bool agent_socket_at(struct agent_socket *s, const char *path, struct err *err)
{
	s->fd = sock_listen_unix(path, 0177, false, err);
	if (s->fd < 0)
		return false;
	s->path = mem_str(path);
	return true;
}

static char *home_dir(struct err *err)
{
	char *ssh = mem_fmt("%s/.ssh", file_home()), *dir = mem_fmt("%s/agent", ssh);
	struct stat st;
	bool ok = file_make_dir(ssh, 0700, err) && file_make_dir(dir, 0700, err);
	if (ok && (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077)))
		ok = err_set(err, ERR_DENIED, "%s must be a directory of yours with mode 0700; run: chmod 700 on it, or use -a or -T", dir);
	mem_free(ssh);
	if (!ok) {
		mem_free(dir);
		dir = NULL;
	}
	return dir;
}

bool agent_socket_home(struct agent_socket *s, struct err *err)
{
	uint8_t bytes[RANDOM_BYTES];
	struct buf hex = BUF_INIT(64);
	char *dir = home_dir(err), *host = host_word();
	random_bytes(bytes, sizeof bytes);
	put_hex(&hex, slice_of(bytes, sizeof bytes));
	char *path = dir ? mem_fmt("%s/s.%s.agent.%s", dir, host, buf_cstr(&hex)) : NULL;
	bool ok = path && agent_socket_at(s, path, err);
	buf_clear(&hex);
	mem_free(path);
	mem_free(host);
	mem_free(dir);
	return ok;
}

bool agent_socket_temp(struct agent_socket *s, struct err *err)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = mem_fmt("%s/ssh-XXXXXXXXXX", tmp && *tmp ? tmp : "/tmp");
	bool ok = mkdtemp(dir) != NULL || err_errno(err, "%s", dir);
	char *path = mem_fmt("%s/agent.%ld", dir, (long)getpid());
	if (ok && !(ok = agent_socket_at(s, path, err)))
		rmdir(dir);
	mem_free(path);
	if (ok)
		s->dir = dir;
	else
		mem_free(dir);
	return ok;
}

bool agent_socket_given(struct agent_socket *s)
{
	uint64_t pid = 0, n = 0;
	struct stat st;
	int listening = 0;
	socklen_t len = sizeof listening;
	if (!slice_to_u64(slice_str(getenv("LISTEN_PID")), &pid) || !slice_to_u64(slice_str(getenv("LISTEN_FDS")), &n) || pid != (uint64_t)getpid() || n != 1)
		return false;
	if (fstat(FD_FIRST, &st) < 0 || !S_ISSOCK(st.st_mode) || getsockopt(FD_FIRST, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening)
		return false;
	s->fd = FD_FIRST;
	fd_cloexec(s->fd, true);
	fd_nonblock(s->fd, true);
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return true;
}

void agent_socket_remove(struct agent_socket *s)
{
	fd_close(&s->fd);
	if (s->path)
		unlink(s->path);
	if (s->dir)
		rmdir(s->dir);
	mem_free(s->path);
	mem_free(s->dir);
	s->path = s->dir = NULL;
}

static void sweep_one(const char *path)
{
	struct sock_addr to = {.un = {.sun_family = AF_UNIX}, .len = sizeof to.un};
	struct stat st;
	size_t n = strlen(path);
	if (n >= sizeof to.un.sun_path || lstat(path, &st) < 0 || !S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return;
	memcpy(to.un.sun_path, path, n + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, &to.any, to.len) < 0 && errno == ECONNREFUSED)
		unlink(path);
	fd_close(&fd);
}

bool agent_socket_sweep(bool any_host, struct err *err)
{
	struct file_list found = {0};
	char *dir = home_dir(err), *host = host_word();
	char *pattern = mem_fmt("%s/s.%s.*", dir ? dir : "", any_host ? "*" : host);
	bool ok = dir && file_glob(pattern, &found, err);
	for (size_t i = 0; ok && i < found.n; i++)
		sweep_one(found.at[i]);
	file_list_clear(&found);
	mem_free(pattern);
	mem_free(host);
	mem_free(dir);
	return ok;
}
