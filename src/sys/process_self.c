/* What a process does to itself: a clean start, limits, its title. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/mem.h"
#include "sys/process.h"

extern char **environ;

bool proc_clean_start(struct err *e)
{
	static const int timers[] = {ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF};
	struct itimerval off = {0};
	if (!fd_open_standard(e))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(timers); i++)
		setitimer((__itimer_which_t)timers[i], &off, NULL);
	proc_signals_default();
	return true;
}

bool proc_not_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 0) == 0;
}

bool proc_no_core(void)
{
	struct rlimit none = {0, 0};
	return setrlimit(RLIMIT_CORE, &none) == 0;
}

unsigned proc_raise_nofile(unsigned want)
{
	struct rlimit r;
	if (getrlimit(RLIMIT_NOFILE, &r) < 0)
		return 0;
	rlim_t goal = want > r.rlim_max ? r.rlim_max : want;
	if (goal > r.rlim_cur) {
		struct rlimit higher = {.rlim_cur = goal, .rlim_max = r.rlim_max};
		if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
			r = higher;
	}
	return r.rlim_cur > 1u << 30 ? 1u << 30 : (unsigned)r.rlim_cur;
}

bool proc_random(void *out, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = getrandom((uint8_t *)out + have, n - have, 0);
		if (got < 0 && errno != EINTR)
			return false;
		have += got > 0 ? (size_t)got : 0;
	}
	return true;
}

/* The kernel shows the memory that argv and the environment had at exec; both lie there in one piece. */
static struct { char *p; size_t n; } title;

void proc_title_init(int argc, char **argv)
{
	char *end = NULL;
	size_t count = 0;
	if (argc < 1 || title.p)
		return;
	for (int i = 0; i < argc; i++)
		if (end == NULL || argv[i] == end)
			end = argv[i] + strlen(argv[i]) + 1;
	while (environ[count])
		count++;
	char **copy = mem_list(count + 1, sizeof *copy);
	for (size_t i = 0; i < count; i++) {
		if (environ[i] == end)
			end = environ[i] + strlen(environ[i]) + 1;
		copy[i] = mem_str(environ[i]);
	}
	title.p = argv[0];
	title.n = (size_t)(end - argv[0]);
	environ = copy;                         /* lives until the process ends */
	for (int i = 0; i < argc; i++)
		argv[i] = mem_str(argv[i]);
}

void proc_title(const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (title.p == NULL || title.n < 2)
		return;
	memset(title.p, 0, title.n);
	size_t n = strlen(text);
	memcpy(title.p, text, n < title.n - 1 ? n : title.n - 1);
}
