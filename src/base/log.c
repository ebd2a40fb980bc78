#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"

enum { LINE_MAX_BYTES = 8192 };

static void to_stderr(void *arg, enum log_level level, const char *line)
{
	(void)arg, (void)level;
	dprintf(STDERR_FILENO, "%s\r\n", line);
}

static enum log_level log_max = LOG_LEVEL_INFO;
static log_sink *sink = to_stderr;
static void *sink_arg;

void log_init(enum log_level max, log_sink *s, void *arg)
{
	log_max = max;
	sink = s ? s : to_stderr;
	sink_arg = arg;
}

void log_set_level(enum log_level max)
{
	log_max = max;
}

enum log_level log_get_level(void)
{
	return log_max;
}

static void log_line(enum log_level level, const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES];
	struct buf line = BUF_INIT(sizeof raw * 4);
	int n = vsnprintf(raw, sizeof raw, fmt, ap);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
	put_text(&line, slice_of(raw, len), sizeof raw, TEXT_ESCAPED);
	sink(sink_arg, level, buf_cstr(&line));
	buf_clear(&line);
}

void log_at(enum log_level level, const char *fmt, ...)
{
	if (level > log_max)
		return;
	va_list ap;
	va_start(ap, fmt);
	log_line(level, fmt, ap);
	va_end(ap);
}

void log_fatal(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (log_max >= LOG_LEVEL_FATAL)
		log_line(LOG_LEVEL_FATAL, fmt, ap);
	va_end(ap);
	_exit(255);
}
