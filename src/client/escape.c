#include "client/escape.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "sys/tty.h"

enum { KEY_QUOTE = 'V' & 31, KEY_STOP = 'S' & 31, KEY_START = 'Q' & 31, KEY_INTERRUPT = 'C' & 31, KEY_SUSPEND = 'Z' & 31, KEY_QUIT = '\\' & 31 };

struct escape_row { uint8_t key; const char *shown, *help; void (*run)(struct session *); };

static void say(struct session *s, const char *text)
{
	endpoint_say(s->endpoint, STREAM_ERR, slice_str(text));
}

static void disconnect(struct session *s)
{
	client_over(s->c, 255, "Connection to %s closed.", text_show(slice_str(s->c->host)));
}

static void suspend(struct session *s)
{
	say(s, "[suspend ssh]\r\n");
	tty_leave_raw();
	kill(getpid(), SIGTSTP);
	tty_enter_raw(STDIN_FILENO, false);
}

/* The parent gives the terminal back to the shell; the connection lives on in the child. */
static void background(struct session *s)
{
	say(s, "[backgrounded]\r\n");
	tty_leave_raw();
	pid_t pid = fork();
	if (pid > 0)
		_exit(0);
	if (pid < 0) {
		tty_enter_raw(STDIN_FILENO, false);
		return;
	}
	setsid();
	endpoint_end_source(s->endpoint, STREAM_OUT);
}

static void list_channels(struct session *s)
{
	struct buf b = BUF_INIT(1 << 16);
	put_str(&b, "The following connections are open:\r\n");
	for (uint32_t i = 0; i < 4096; i++) {
		struct chan_info info;
		if (!chan_info(s->c->ssh, i, &info))
			continue;
		put_fmt(&b, "  #%u %s (%s, peer %u, in %llu out %llu bytes, window in %u out %u)\r\n", i, info.type, info.open ? "open" : "opening",
			info.peer, (unsigned long long)info.bytes_in, (unsigned long long)info.bytes_out, info.window_in, info.window_out);
	}
	endpoint_say(s->endpoint, STREAM_ERR, buf_slice(&b));
	buf_clear(&b);
}

static void rekey(struct session *s)
{
	ssh_rekey(s->c->ssh);
	drive_kick(s->c->drive);
}

static void change_level(struct session *s, int by)
{
	static const char *const names[] = {"QUIET", "FATAL", "ERROR", "INFO", "VERBOSE", "DEBUG1", "DEBUG2", "DEBUG3"};
	int level = (int)log_get_level() + by;
	struct buf b = BUF_INIT(100);
	level = level < 0 ? 0 : level > LOG_LEVEL_DEBUG3 ? LOG_LEVEL_DEBUG3 : level;
	log_set_level((enum log_level)level);
	put_fmt(&b, "[LogLevel %s]\r\n", names[level]);
	endpoint_say(s->endpoint, STREAM_ERR, buf_slice(&b));
	buf_clear(&b);
}

static void louder(struct session *s)
{
	change_level(s, 1);
}

static void quieter(struct session *s)
{
	change_level(s, -1);
}

static void command_line(struct session *s)
{
	struct buf line = BUF_INIT(4096);
	struct err e;
	if (!s->c->conf.enable_escape_commandline) {
		say(s, "commandline disabled; set EnableEscapeCommandline yes\r\n");
		return;
	}
	tty_leave_raw();
	bool ok = tty_read_line("\r\nssh> ", true, &line, &e);
	struct slice text = slice_trim(buf_slice(&line));
	if (ok && text.n && text.p[0] == '!' && s->c->conf.permit_local_command) {
		if (system(buf_cstr(&line) + (text.p - line.p) + 1) < 0)
			log_error("the command could not be started");
	} else if (ok && text.n && text.p[0] == '!') {
		log_info("!command needs PermitLocalCommand yes");
	} else if (ok && text.n && (text.p[0] == '?' || slice_has_prefix(text, "-h"))) {
		log_info("Commands:\n      !command       Execute local command");
	} else if (ok && text.n) {
		log_info("Forwards cannot be added yet; -h lists what there is");
	}
	buf_clear(&line);
	tty_enter_raw(STDIN_FILENO, false);
}

static void help(struct session *s);

static const struct escape_row rows[] = {
	{'.', ".", "terminate connection", disconnect},
	{'B', "B", "send a BREAK to the remote system", session_break},
	{'C', "C", "open a command line", command_line},
	{'R', "R", "request rekey", rekey},
	{'V', "V", "decrease verbosity (LogLevel)", quieter},
	{'v', "v", "increase verbosity (LogLevel)", louder},
	{'Z' & 31, "^Z", "suspend ssh", suspend},
	{'#', "#", "list open channels", list_channels},
	{'&', "&", "background ssh", background},
	{'?', "?", "this message", help},
};

static void put_char(struct buf *b, int c)
{
	if (c < 32)
		put_fmt(b, "^%c", c + 64);
	else
		put_u8(b, (uint8_t)c);
}

static void help(struct session *s)
{
	struct buf b = BUF_INIT(1 << 14);
	put_str(&b, "?\r\nSupported escape sequences:\r\n ");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		put_char(&b, s->c->conf.escape_char);
		put_fmt(&b, "%-3s - %s\r\n ", rows[i].shown, rows[i].help);
	}
	put_char(&b, s->c->conf.escape_char);
	put_char(&b, s->c->conf.escape_char);
	put_str(&b, "  - send the escape character by typing it twice\r\n(Note that escapes are only recognized immediately after newline.)\r\n");
	endpoint_say(s->endpoint, STREAM_ERR, buf_slice(&b));
	buf_clear(&b);
}

/* The key behind the escape character. True: it was one of ours. */
static bool run_key(struct session *s, uint8_t key)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].key != key)
			continue;
		struct buf shown = BUF_INIT(16);
		put_char(&shown, s->c->conf.escape_char);
		put_str(&shown, rows[i].shown);
		put_str(&shown, "\r\n");
		if (rows[i].run != help)
			endpoint_say(s->endpoint, STREAM_ERR, buf_slice(&shown));
		buf_clear(&shown);
		rows[i].run(s);
		return true;
	}
	return false;
}

static void hold(struct session *s, bool on)
{
	if (s->held != on && s->endpoint)
		endpoint_hold(s->endpoint, on);
	s->held = on;
}

void escape_flow(struct session *s, bool on)
{
	s->flow = on && s->raw;
	if (!s->flow)
		hold(s, false);
}

/* As the far terminal would: ^S stops the output, ^Q and what makes a signal start it again. True: the key goes no further. */
static bool flow_key(struct session *s, uint8_t key)
{
	bool quoted = s->quoted;
	s->quoted = key == KEY_QUOTE && !quoted;
	if (!s->flow || quoted)
		return false;
	if (key == KEY_STOP || key == KEY_START)
		return hold(s, key == KEY_STOP), true;
	if (key == KEY_INTERRUPT || key == KEY_SUSPEND || key == KEY_QUIT)
		hold(s, false);
	return false;
}

void escape_filter(void *owner, void *arg, struct slice in, struct buf *out)
{
	struct session *s = arg;
	int escape = s->c->conf.escape_char;
	(void)owner;
	for (size_t i = 0; i < in.n && !s->c->over; i++) {
		uint8_t key = in.p[i];
		if (s->escape_seen) {
			s->escape_seen = false;
			if (key == escape) {
				put_u8(out, key);
				s->line_start = false;
				continue;
			}
			if (run_key(s, key)) {
				s->line_start = true;
				continue;
			}
			put_u8(out, (uint8_t)escape);
		} else if (flow_key(s, key)) {
			continue;
		} else if (s->line_start && key == escape) {
			s->escape_seen = true;
			continue;
		}
		put_u8(out, key);
		s->line_start = key == '\r' || key == '\n';
	}
}
