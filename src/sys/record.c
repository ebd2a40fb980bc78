#include "sys/record.h"

#include <fcntl.h>
#include <lastlog.h>
#include <paths.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <utmp.h>

#include "base/mem.h"
#include "sys/clock.h"
#include "sys/fd.h"

static const struct record_files system_files = {
	.utmp = _PATH_UTMP, .wtmp = _PATH_WTMP, .btmp = "/var/log/btmp", .lastlog = _PATH_LASTLOG,
};
static struct record_files files = {
	.utmp = _PATH_UTMP, .wtmp = _PATH_WTMP, .btmp = "/var/log/btmp", .lastlog = _PATH_LASTLOG,
};

void record_use_files(const struct record_files *f)
{
	files = f ? *f : system_files;
}

/* utmp(5): fields are padded with NUL, and a full one has none. */
static void fill(char *field, size_t size, const char *text)
{
	size_t n = strnlen(text, size);
	memset(field, 0, size);
	memcpy(field, text, n);
}

static const char *short_line(const char *line)
{
	return strncmp(line, "/dev/", 5) == 0 ? line + 5 : line;
}

static void set_address(struct utmp *u, const struct sock_addr *a)
{
	if (a == NULL)
		return;
	struct sock_addr plain = *a;
	sock_unmap(&plain);
	struct slice raw = sock_raw(&plain);
	if (raw.n)
		memcpy(u->ut_addr_v6, raw.p, raw.n);
}

/* ut_id names the slot: the last characters of the line, as login(1) has them. */
static void set_line(struct utmp *u, const char *line)
{
	line = short_line(line);
	fill(u->ut_line, sizeof u->ut_line, line);
	const char *tail = strncmp(line, "tty", 3) == 0 ? line + 3 : strncmp(line, "pts", 3) == 0 ? line + 3 : line;
	size_t n = strlen(tail);
	fill(u->ut_id, sizeof u->ut_id, n > sizeof u->ut_id ? tail + n - sizeof u->ut_id : tail);
}

static void set_time(struct utmp *u)
{
	struct timeval now;
	gettimeofday(&now, NULL);
	u->ut_tv.tv_sec = (int32_t)now.tv_sec;          /* 32 bits on disk until 2038 */
	u->ut_tv.tv_usec = (int32_t)now.tv_usec;
}

static bool there(const char *path)
{
	struct stat st;
	return path && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static void put_utmp(const struct utmp *u)
{
	if (!there(files.utmp))
		return;
	utmpname(files.utmp);
	setutent();
	pututline(u);
	endutent();
}

static void put_wtmp(const char *path, const struct utmp *u)
{
	if (there(path))
		updwtmp(path, u);               /* locks, and appends a whole record or nothing */
}

/* lastlog(8): an array by uid. */
static bool lastlog_at(uid_t uid, int flags, int *fd)
{
	if (!there(files.lastlog))
		return false;
	*fd = open(files.lastlog, flags | O_CLOEXEC | O_NOFOLLOW);
	if (*fd < 0)
		return false;
	if (lseek(*fd, (off_t)uid * (off_t)sizeof(struct lastlog), SEEK_SET) >= 0)
		return true;
	fd_close(fd);
	return false;
}

bool record_last_login(uid_t uid, struct record_last *out)
{
	struct lastlog l;
	int fd;
	if (!lastlog_at(uid, O_RDONLY, &fd))
		return false;
	ssize_t n = read(fd, &l, sizeof l);
	fd_close(&fd);
	if (n != (ssize_t)sizeof l || l.ll_time == 0)
		return false;
	*out = (struct record_last){.when = l.ll_time};
	memcpy(out->line, l.ll_line, sizeof l.ll_line < sizeof out->line ? sizeof l.ll_line : sizeof out->line - 1);
	size_t host = strnlen(l.ll_host, sizeof l.ll_host);
	memcpy(out->host, l.ll_host, host < sizeof out->host ? host : sizeof out->host - 1);
	return true;
}

static void put_lastlog(const struct record *r)
{
	struct lastlog l = {.ll_time = (int32_t)clock_wall()};
	int fd;
	if (!lastlog_at(r->uid, O_WRONLY, &fd))
		return;
	fill(l.ll_line, sizeof l.ll_line, short_line(r->line));
	fill(l.ll_host, sizeof l.ll_host, r->host);
	ssize_t n = write(fd, &l, sizeof l);
	(void)n;                                /* a full disk does not keep anybody out */
	fd_close(&fd);
}

void record_login(const struct record *r)
{
	struct utmp u = {.ut_type = USER_PROCESS, .ut_pid = r->pid};
	set_line(&u, r->line);
	set_time(&u);
	set_address(&u, r->address);
	fill(u.ut_user, sizeof u.ut_user, r->user);
	fill(u.ut_host, sizeof u.ut_host, r->host);
	put_utmp(&u);
	put_wtmp(files.wtmp, &u);
	put_lastlog(r);
}

void record_logout(const struct record *r)
{
	struct utmp u = {.ut_type = DEAD_PROCESS, .ut_pid = r->pid};
	set_line(&u, r->line);
	set_time(&u);
	put_utmp(&u);
	put_wtmp(files.wtmp, &u);
}

void record_sweep(pid_t pid)
{
	char lines[16][UT_LINESIZE + 1];
	size_t n = 0;
	if (!there(files.utmp))
		return;
	utmpname(files.utmp);
	setutent();
	for (const struct utmp *u; n < ARRAY_LEN(lines) && (u = getutent()) != NULL;)
		if (u->ut_type == USER_PROCESS && u->ut_pid == pid) {
			memcpy(lines[n], u->ut_line, UT_LINESIZE);
			lines[n++][UT_LINESIZE] = 0;
		}
	endutent();
	for (size_t i = 0; i < n; i++)
		record_logout(&(struct record){.line = lines[i], .pid = pid});
}

void record_failure(const char *user, const char *host, const struct sock_addr *address, pid_t pid)
{
	struct utmp u = {.ut_type = LOGIN_PROCESS, .ut_pid = pid};
	struct stat st;
	/* The file holds what people type for user names, passwords among them: never one that others may read. */
	if (!there(files.btmp) || stat(files.btmp, &st) < 0 || (st.st_mode & 07) || st.st_uid != geteuid())
		return;
	fill(u.ut_line, sizeof u.ut_line, "ssh:notty");
	fill(u.ut_user, sizeof u.ut_user, user);
	fill(u.ut_host, sizeof u.ut_host, host);
	set_time(&u);
	set_address(&u, address);
	put_wtmp(files.btmp, &u);
}
