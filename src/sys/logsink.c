#include "sys/logsink.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/syslog.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sys/fd.h"

static const struct { const char *name; int number; } facilities[] = {
	{"DAEMON", LOG_DAEMON}, {"USER", LOG_USER}, {"AUTH", LOG_AUTH}, {"AUTHPRIV", LOG_AUTHPRIV},
	{"LOCAL0", LOG_LOCAL0}, {"LOCAL1", LOG_LOCAL1}, {"LOCAL2", LOG_LOCAL2}, {"LOCAL3", LOG_LOCAL3},
	{"LOCAL4", LOG_LOCAL4}, {"LOCAL5", LOG_LOCAL5}, {"LOCAL6", LOG_LOCAL6}, {"LOCAL7", LOG_LOCAL7},
};

/* Words of a line before the text, and syslog's priority: what OpenSSH sends for each level. */
static const struct { enum log_level level; const char *name, *mark, *syslog_mark; int priority; } levels[] = {
	{LOG_LEVEL_QUIET, "QUIET", "", "", LOG_CRIT},
	{LOG_LEVEL_FATAL, "FATAL", "", "fatal: ", LOG_CRIT},
	{LOG_LEVEL_ERROR, "ERROR", "", "error: ", LOG_ERR},
	{LOG_LEVEL_INFO, "INFO", "", "", LOG_INFO},
	{LOG_LEVEL_VERBOSE, "VERBOSE", "", "", LOG_INFO},
	{LOG_LEVEL_DEBUG1, "DEBUG1", "debug1: ", "debug1: ", LOG_DEBUG},
	{LOG_LEVEL_DEBUG1, "DEBUG", "debug1: ", "debug1: ", LOG_DEBUG},
	{LOG_LEVEL_DEBUG2, "DEBUG2", "debug2: ", "debug2: ", LOG_DEBUG},
	{LOG_LEVEL_DEBUG3, "DEBUG3", "debug3: ", "debug3: ", LOG_DEBUG},
};

static struct { int fd; bool own_fd; char *text; } state = {.fd = -1};

int logsink_facility(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(facilities); i++)
		if (strcasecmp(name, facilities[i].name) == 0)
			return facilities[i].number;
	return -1;
}

bool logsink_level(const char *name, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (strcasecmp(name, levels[i].name) == 0)
			return *out = levels[i].level, true;
	return false;
}

static size_t row_of(enum log_level level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (levels[i].level == level)
			return i;
	return 0;
}

const char *logsink_level_name(enum log_level level)
{
	return levels[row_of(level)].name;
}

/* One write a line: lines of several processes in one file do not mix. */
static void to_fd(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	struct buf b = BUF_INIT(1 << 16);
	put_str(&b, state.text ? state.text : "");
	put_str(&b, levels[row_of(level)].mark);
	put_str(&b, line);
	put_str(&b, "\r\n");
	bool ok = fd_write_all(state.fd, buf_slice(&b), 1000, NULL);   /* a reader that hangs must not hang us */
	(void)ok;                               /* nobody is left to be told */
	buf_clear(&b);
}

static void to_syslog(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	size_t row = row_of(level);
	syslog(levels[row].priority, "%s%s", levels[row].syslog_mark, line);
}

static void forget(void)
{
	closelog();
	if (state.own_fd)
		fd_close(&state.fd);
	mem_free(state.text);
	state.fd = -1, state.own_fd = false, state.text = NULL;
}

static void use_fd(enum log_level max, int fd, bool own, const char *prefix)
{
	char *text = mem_str(prefix);           /* may be ours, which forget() frees */
	forget();
	state.fd = fd, state.own_fd = own, state.text = text;
	log_init(max, to_fd, NULL);
}

void logsink_use_stderr(enum log_level max, const char *prefix)
{
	use_fd(max, STDERR_FILENO, false, prefix);
}

void logsink_use_fd(enum log_level max, int fd)
{
	use_fd(max, fd, false, NULL);
}

bool logsink_use_file(enum log_level max, const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0)
		return err_errno(e, "cannot open log file %s", path);
	use_fd(max, fd, true, NULL);
	return true;
}

void logsink_use_syslog(enum log_level max, const char *tag, int facility)
{
	char *text = mem_str(tag);
	forget();
	state.text = text;                      /* openlog keeps the pointer */
	openlog(state.text, LOG_PID | LOG_NDELAY, facility);
	log_init(max, to_syslog, NULL);
}
