#include "server/monitor.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "wire/ssh_msg.h"

/* As OpenSSH, which reads the version line in a process of its own. */
static const char *suffix(const struct monitor *m)
{
	bool before_version = m->server.phase == MON_START && m->version[0] == '\0';
	return m->server.phase == MON_LOGGED_IN || before_version ? "" : " [preauth]";
}

/* "authenticating user root ", "invalid user x ", "user root ", or nothing before a name is known. */
const char *monitor_who(const struct monitor *m)
{
	static char who[600];
	const struct mon_login *l = &m->login;
	who[0] = '\0';
	if (l->user)
		snprintf(who, sizeof who, "%suser %s ", m->server.phase == MON_LOGGED_IN ? "" : l->allowed ? "authenticating " : "invalid ",
			text_show(slice_str(l->user)));
	return who;
}

static bool begins(struct slice text, const char *with)
{
	return slice_has_prefix(text, with);
}

/* Lines of sshd-net. It is a stranger: base/log escapes what they hold, none is longer than a line may be, and but for the one
 * that tools know, those that are always shown bear its name: it cannot say that somebody was accepted. */
bool mon_on_log(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	const struct frame_log *l = msg;
	(void)f;
	if (l->level <= LOG_LEVEL_QUIET || l->level > LOG_LEVEL_DEBUG3)
		return false;
	enum log_level level = l->level == LOG_LEVEL_FATAL ? LOG_LEVEL_ERROR : (enum log_level)l->level;
	bool ours = level > LOG_LEVEL_VERBOSE || begins(l->text, "kex_exchange_identification: ");
	log_at(level, "%s%.*s%s", ours ? "" : "sshd-net: ", (int)(l->text.n < 2000 ? l->text.n : 2000), (const char *)l->text.p, suffix(m));
	return true;
}

/* SSH-protoversion-softwareversion (RFC 4253, section 4.2): kept for Match version and the log. */
bool mon_on_version(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	const struct frame_version *v = msg;
	struct slice s = v->text;
	(void)f;
	snprintf(m->version_line, sizeof m->version_line, "%s", text_show(s));
	if (slice_has_prefix(s, "SSH-")) {
		s = slice_from(s, 4);
		slice_cut(&s, '-');
	}
	snprintf(m->version, sizeof m->version, "%s", text_show(s));
	log_debug("Remote software version %s", m->version);
	return true;
}

/* Ends that are nobody's decision: OpenSSH has a line for each. */
static void log_lost(const struct monitor *m, struct slice text)
{
	const struct mon_peer *p = &m->peer;
	bool reset = begins(text, "Connection reset");
	if (m->server.phase == MON_START && m->version[0] == '\0') {
		log_info("Connection %s %s port %u%s", reset ? "reset by" : "closed by", p->addr, p->port, suffix(m));
		return;
	}
	if (begins(text, "Timeout"))
		log_info("Timeout, client not responding from %s%s port %u%s", monitor_who(m), p->addr, p->port, suffix(m));
	else if (m->server.phase == MON_LOGGED_IN && !reset)
		log_info("Connection closed by %s%s port %u", monitor_who(m), p->addr, p->port);
	else
		log_info("Connection %s %s%s port %u%s", reset ? "reset by" : "closed by", monitor_who(m), p->addr, p->port, suffix(m));
}

static void log_ours(const struct monitor *m, const struct frame_over *o)
{
	const struct mon_peer *p = &m->peer;
	const char *text = text_show(o->text);
	if (slice_eq_str(o->text, "scanned") || slice_eq_str(o->text, "probed")) {
		log_info("%s from %s port %u with %s. Don't panic.", text, p->addr, p->port, m->version_line);
		return;
	}
	if (slice_eq_str(o->text, "inactive connection")) {
		log_info("terminating inactive connection from %s%s port %u", monitor_who(m), p->addr, p->port);
	} else if (begins(o->text, "no matching ")) {
		log_at(LOG_LEVEL_FATAL, "Unable to negotiate with %s%s port %u: %s%s", monitor_who(m), p->addr, p->port, text, suffix(m));
	} else if (m->server.phase == MON_START && m->version[0] == '\0') {
		log_at(LOG_LEVEL_FATAL, "banner exchange: Connection from %s port %u: invalid format%s", p->addr, p->port, suffix(m));
	} else {
		log_info("Disconnecting %s%s port %u: %s%s", monitor_who(m), p->addr, p->port, text, suffix(m));
	}
}

bool mon_on_over(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	const struct frame_over *o = msg;
	const struct mon_peer *p = &m->peer;
	(void)f;
	m->over = true;
	if (m->over_said)
		return true;
	m->over_said = true;
	if (o->reason == REASON_CONNECTION_LOST) {
		log_lost(m, o->text);
	} else if (o->by_peer) {
		bool usual = o->reason == REASON_BY_APPLICATION || m->server.phase == MON_LOGGED_IN;
		log_at(usual ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "Received disconnect from %s port %u:%u: %s%s", p->addr, p->port, o->reason,
			text_show(o->text), suffix(m));
		log_info("Disconnected from %s%s port %u%s", monitor_who(m), p->addr, p->port, suffix(m));
	} else {
		log_ours(m, o);
	}
	return true;
}

void mon_lost(struct monitor *m)
{
	m->over_said = true;
	if (m->exit_code == EXIT_FINE && m->server.phase != MON_LOGGED_IN)
		m->exit_code = EXIT_CRASH;
	log_error("the network process of %s%s port %u ended without a word%s", monitor_who(m), m->peer.addr, m->peer.port, suffix(m));
}
