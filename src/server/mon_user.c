#include "server/monitor.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/password.h"

enum { USER_MAX = 255 };

static const char *shown(const struct mon_login *l)
{
	return text_show(slice_str(l->user));
}

/* What the account itself says, in OpenSSH's words. With PAM the modules judge lock and age. */
static bool account_fit(struct monitor *m)
{
	struct mon_login *l = &m->login;
	switch (account_judge(l->account, clock_wall())) {
	case ACCOUNT_OK:
		return true;
	case ACCOUNT_LOCKED:
		if (m->conf.use_pam)
			return true;
		log_info("User %s not allowed because account is locked", shown(l));
		return false;
	case ACCOUNT_EXPIRED:
		if (m->conf.use_pam)
			return true;
		log_info("Account %s has expired", shown(l));
		return false;
	case ACCOUNT_PASSWORD_EXPIRED:
		l->change_password = !m->conf.use_pam;
		return true;
	case ACCOUNT_NO_SHELL:
		if (m->conf.chroot_directory)
			return true;
		log_info("User %s not allowed because shell %s %s", shown(l), l->account->shell,
			access(l->account->shell, F_OK) == 0 ? "is not executable" : "does not exist");
		return false;
	}
	return false;
}

static bool policy_allows(struct monitor *m)
{
	struct mon_login *l = &m->login;
	const char *why = NULL;
	if (!sshd_conf_user_allowed(&m->conf, l->user, (const char *const *)l->groups.name, l->groups.n, m->peer.host, m->peer.addr, &why)) {
		log_info("User %s from %s not allowed because %s", shown(l), m->peer.host, why);
		return false;
	}
	if (geteuid() != 0 && l->account->uid != geteuid()) {
		log_info("User %s from %s not allowed because sshd runs as another user than root", shown(l), m->peer.host);
		return false;
	}
	return true;
}

static void look_up(struct monitor *m)
{
	struct mon_login *l = &m->login;
	struct err err;
	l->account = account_find(l->user, &err);
	l->exists = l->account != NULL;
	if (!l->exists && err.code != ERR_MISSING)
		log_error("%s", err.text);
	if (l->exists && !account_groups(l->account, &l->groups, &err))
		log_error("%s", err.text);
	if (!l->exists)
		l->account = account_fake(l->user);
}

/* The first request of the connection names the user; it can never be another. */
bool mon_name_user(struct monitor *m, struct slice name)
{
	struct mon_login *l = &m->login;
	if (l->user)
		return slice_eq_str(name, l->user);
	if (name.n > USER_MAX || slice_has_nul(name))
		return false;
	l->user = slice_dup(name);
	l->key.store = l->key.why = l->key.refused = BUF_INIT(0);
	look_up(m);
	if (!mon_resolve(m))
		return false;
	if (!l->exists)
		log_info("Invalid user %s from %s port %u", shown(l), m->peer.addr, m->peer.port);
	l->allowed = l->exists && account_fit(m) && policy_allows(m);
	if (m->conf.refuse_connection) {
		log_info("administratively prohibited connection for %s from %s port %u", shown(l), m->peer.addr, m->peer.port);
		m->exit_code = EXIT_REFUSED;
		return false;
	}
	l->fake_hash = password_fake(NULL);
	mon_methods_begin(m);
	m->server.phase = MON_NAMED;
	return mon_send_profile(m, FRAME_PROFILE, NULL, 0);
}

/* sshd_config(5), PermitRootLogin. */
bool mon_root_allowed(struct monitor *m, enum mon_method method)
{
	bool by_key = method == METHOD_PUBLICKEY;
	bool forced = m->login.has_key_grant && m->login.key.grant.has_command;
	switch ((enum conf_root)m->conf.permit_root_login) {
	case CONF_ROOT_YES:
		return true;
	case CONF_ROOT_NO_PASSWORD:
		if (by_key || method == METHOD_HOSTBASED)
			return true;
		break;
	case CONF_ROOT_FORCED_ONLY:
		if (by_key && (forced || m->conf.force_command)) {
			log_info("Root login accepted for forced command.");
			return true;
		}
		break;
	case CONF_ROOT_NO:
		break;
	}
	log_info("ROOT LOGIN REFUSED FROM %s port %u", m->peer.addr, m->peer.port);
	return false;
}

/* PAM knows unknown users by their name too, so that its own delays are the same for all. */
bool mon_pam_ready(struct monitor *m)
{
	struct err err;
	if (m->pam || !m->conf.use_pam)
		return m->pam != NULL;
	m->pam = pam_login_new(m->conf.pam_service_name, m->login.user, m->peer.host, "ssh", &err);
	if (m->pam == NULL)
		log_error("PAM: %s", err.text);
	return m->pam != NULL;
}
