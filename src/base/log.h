/* Log lines of programs. The pure zone does not use this: the core yields EV_TRACE instead.
 *
 * One record is one line: line breaks and control characters inside are escaped here, whatever
 * the caller passed. The sink is set once by the program (stderr, syslog, a file, a frame to the
 * monitor). Levels are those of LogLevel in OpenSSH.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level {
	LOG_LEVEL_QUIET, LOG_LEVEL_FATAL, LOG_LEVEL_ERROR, LOG_LEVEL_INFO,
	LOG_LEVEL_VERBOSE, LOG_LEVEL_DEBUG1, LOG_LEVEL_DEBUG2, LOG_LEVEL_DEBUG3,
};

typedef void log_sink(void *arg, enum log_level, const char *line);   /* line: escaped, without line end */

void log_init(enum log_level max, log_sink *, void *arg);
void log_set_level(enum log_level max);
enum log_level log_get_level(void);
void log_at(enum log_level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_verbose(...) log_at(LOG_LEVEL_VERBOSE, __VA_ARGS__)
#define log_debug(...) log_at(LOG_LEVEL_DEBUG1, __VA_ARGS__)
#define log_debug2(...) log_at(LOG_LEVEL_DEBUG2, __VA_ARGS__)
#define log_debug3(...) log_at(LOG_LEVEL_DEBUG3, __VA_ARGS__)
_Noreturn void log_fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2)));   /* logs, then _exit(255) */

#endif
