/* ssh: the secure shell client. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "client/client.h"
#include "client/identity.h"
#include "client/query.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/logsink.h"
#include "sys/process.h"

static int fail(const struct err *e)
{
	return log_error("%s", e->text), 255;
}

static int print(int fd, struct buf *b)
{
	struct err e;
	bool ok = fd_write_all(fd, buf_slice(b), -1, &e);
	buf_clear(b);
	return ok ? 0 : 255;
}

static bool who_am_i(struct client *c, struct err *e)
{
	struct account *me = account_find_uid(getuid(), e);
	if (me == NULL)
		return err_set(e, ERR_MISSING, "No user exists for uid %u", (unsigned)getuid());
	c->local_user = mem_str(me->name);
	c->home = mem_str(me->home);
	account_free(me);
	return true;
}

static bool start_log(enum log_level level, int facility, const struct ssh_options *o, struct err *e)
{
	if (o->log_file)
		return logsink_use_file(level, o->log_file, e);
	if (o->to_syslog)
		logsink_use_syslog(level, "ssh", facility);
	else
		logsink_use_stderr(level, NULL);
	return true;
}

/* RequestTTY, ssh_config(5). */
static void choose_tty(struct client *c)
{
	bool local = isatty(STDIN_FILENO) && !c->conf.stdin_null;
	bool shell = c->command == NULL && c->conf.session_type == CONF_SESSION_DEFAULT;
	switch ((enum conf_tty)c->conf.request_tty) {
	case CONF_TTY_FORCE: c->tty = true; break;
	case CONF_TTY_YES: c->tty = local; break;
	case CONF_TTY_NO: c->tty = false; break;
	case CONF_TTY_AUTO: c->tty = local && shell; break;
	}
	if (c->conf.session_type == CONF_SESSION_NONE)
		c->tty = false;
	else if (!c->tty && !local && (c->conf.request_tty == CONF_TTY_YES || (c->conf.request_tty == CONF_TTY_AUTO && shell)))
		log_info("Pseudo-terminal will not be allocated because stdin is not a terminal.");
}

static int run(struct client *c, const struct ssh_options *o, struct err *e)
{
	struct buf out = BUF_INIT(1 << 20);
	if (!who_am_i(c, e) || !config_load(c, o, e) || !start_log((enum log_level)c->conf.log_level, c->conf.syslog_facility, o, e))
		return fail(e);
	if (!config_expand(c, e))
		return fail(e);
	if (o->print_config || o->print_keys) {
		(o->print_config ? config_show : identities_show)(c, &out);
		return print(STDOUT_FILENO, &out);
	}
	bool nameless = c->conf.session_type == CONF_SESSION_SUBSYSTEM && c->command == NULL;
	if (nameless)
		err_set(e, ERR_USAGE, "You must specify a subsystem to invoke: ssh -s host subsystem");
	if (nameless || !config_permits(c, e))
		return fail(e);
	choose_tty(c);
	return client_run(c);
}

int main(int argc, char **argv)
{
	struct ssh_options o;
	struct err e = {0};
	struct buf out = BUF_INIT(1 << 20);
	struct client c = {.in = -1, .out = -1, .status = -1, .host_blob = BUF_INIT(1 << 18)};
	if (!proc_clean_start(&e) || !options_parse(&o, argc, argv, &e))
		return fail(&e);
	if (!start_log(o.quiet ? LOG_LEVEL_QUIET : o.verbose > 2 ? LOG_LEVEL_DEBUG3 : (enum log_level)(LOG_LEVEL_INFO + (o.verbose ? 1 + o.verbose : 0)), o.to_syslog ? logsink_facility("USER") : 0, &o, &e))
		return fail(&e);
	query_version(&out);
	if (o.print_version)
		return print(STDERR_FILENO, &out);
	if (o.verbose)
		log_debug("%.*s", (int)out.len - 1, (const char *)out.p);
	buf_reset(&out);
	if (o.query)
		return query_print(o.query, &out, &e) ? print(STDOUT_FILENO, &out) : fail(&e);
	if (o.host == NULL) {
		options_usage(&out);
		print(STDERR_FILENO, &out);
		return 255;
	}
	c.typed = o.host;
	c.command = o.command ? mem_str(o.command) : NULL;
	int status = run(&c, &o, &e);
	buf_clear(&out);
	return status;
}
