#include "core/auth.h"

#include <string.h>

#include "base/text.h"
#include "core/handlers.h"

/* RFC 4253, section 10; RFC 4252, section 5. May come again before each method, as from paramiko. */
bool on_service_request(struct ssh *ssh, struct slice payload)
{
	struct msg_service m;
	if (!msg_decode(&desc_service_request, payload, &m))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed SERVICE_REQUEST"), false;
	if (!slice_eq_str(m.name, "ssh-userauth"))
		return ssh_die(ssh, REASON_SERVICE_NOT_AVAILABLE, "no service \"%s\" here", text_show(m.name)), false;
	ssh->rtt = ssh->now - ssh->asked_at;
	if (!ssh->auth)
		auth_begin(ssh);
	packet_send(ssh, &desc_service_accept, &m);
	ssh->phase = PHASE_AUTH;
	return true;
}

static void ask(struct ssh *ssh, const struct ask *a)
{
	ssh->auth->asked = a->kind;
	ask_open(ssh, a);
}

static bool ask_none(struct ssh *ssh, const struct msg_auth_request *m)
{
	struct ask a = {.kind = ASK_AUTH_NONE, .none = {m->user, m->method}};
	ask(ssh, &a);
	return true;
}

static bool malformed(struct ssh *ssh, const char *what)
{
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed %s request", what);
	return false;
}

/* RFC 4252, section 5.2. */
static bool auth_none(struct ssh *ssh, const struct msg_auth_request *m)
{
	return m->rest.n ? malformed(ssh, "none") : ask_none(ssh, m);
}

/* RFC 4252, section 8. */
static bool auth_password(struct ssh *ssh, const struct msg_auth_request *m)
{
	struct auth_password p;
	if (!auth_password_decode(m->rest, &p))
		return malformed(ssh, "password");
	if (p.password.n > AUTH_PASSWORD_MAX || p.new_password.n > AUTH_PASSWORD_MAX)
		return ask_none(ssh, m);                    /* cannot be right, and hashing it would cost us */
	struct ask a = {.kind = ASK_PASSWORD, .password = {m->user, p.password, p.change, p.new_password}};
	ask(ssh, &a);
	return true;
}

/* RFC 4252, section 7. */
static bool auth_key(struct ssh *ssh, const struct msg_auth_request *m, bool hostbound)
{
	struct reader r = reader_of(m->rest);
	bool is_signed = get_bool(&r);
	struct slice algorithm = get_string(&r), blob = get_string(&r);
	struct slice host_key = hostbound ? get_string(&r) : (struct slice){0};
	struct slice signature = is_signed ? get_string(&r) : (struct slice){0};
	if (!get_end(&r))
		return malformed(ssh, "publickey");
	if (hostbound && !slice_eq(host_key, buf_slice(&ssh->kex.first_host_key)))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "signature is bound to a host key that is not ours"), false;
	struct ask a = {.kind = ASK_KEY_OK, .key = {m->user, algorithm, blob}};
	if (is_signed)
		a = (struct ask){.kind = ASK_VERIFY, .verify = {m->user, algorithm, blob, signature, hostbound}};
	else if (++ssh->auth->probes > AUTH_PROBES_MAX)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "Too many authentication failures"), false;
	if (!is_signed) {
		auth_keep(&ssh->auth->algorithm, algorithm);
		auth_keep(&ssh->auth->blob, blob);
	}
	ask(ssh, &a);
	return true;
}

static bool auth_publickey(struct ssh *ssh, const struct msg_auth_request *m)
{
	return auth_key(ssh, m, false);
}

static bool auth_hostbound(struct ssh *ssh, const struct msg_auth_request *m)
{
	return auth_key(ssh, m, true);
}

/* RFC 4252, section 9. */
static bool auth_hostbased(struct ssh *ssh, const struct msg_auth_request *m)
{
	struct ask a = {.kind = ASK_HOSTBASED, .hostbased.user = m->user};
	struct ask_hostbased *h = &a.hostbased;
	struct reader r = reader_of(m->rest);
	h->algorithm = get_string(&r);
	h->blob = get_string(&r);
	h->host = get_string(&r);
	h->client_user = get_string(&r);
	h->signature = get_string(&r);
	if (!get_end(&r) || slice_has_nul(h->host) || slice_has_nul(h->client_user))
		return malformed(ssh, "hostbased");
	if (h->host.n > AUTH_USER_MAX || h->client_user.n > AUTH_USER_MAX)
		return ask_none(ssh, m);
	ask(ssh, &a);
	return true;
}

/* RFC 4256, section 3.1. */
static bool auth_kbdint(struct ssh *ssh, const struct msg_auth_request *m)
{
	struct auth_kbdint k;
	struct reader r = reader_of(m->rest);
	if (!msg_decode_body(&body_kbdint, &r, &k) || !get_end(&r))
		return malformed(ssh, "keyboard-interactive");
	struct ask a = {.kind = ASK_KBDINT, .kbdint = {m->user, k.devices}};
	ask(ssh, &a);
	return true;
}

static const struct method {
	const char *name;
	bool (*on)(struct ssh *, const struct msg_auth_request *);
} methods[] = {
	{"none", auth_none},
	{"password", auth_password},
	{"publickey", auth_publickey},
	{"publickey-hostbound-v00@openssh.com", auth_hostbound},
	{"keyboard-interactive", auth_kbdint},
	{"hostbased", auth_hostbased},
};

/* Who asks and for what is settled by the first request; OpenSSH hangs up on a change, and so do we. */
static bool check_user(struct ssh *ssh, const struct msg_auth_request *m)
{
	struct auth *a = ssh->auth;
	bool service_ok = slice_eq_str(m->service, "ssh-connection");
	if (!a->user_known) {
		if (m->user.n > AUTH_USER_MAX || slice_has_nul(m->user))
			return ssh_die(ssh, REASON_PROTOCOL_ERROR, "user name is too long or contains NUL"), false;
		if (!service_ok)
			return ssh_die(ssh, REASON_SERVICE_NOT_AVAILABLE, "no service \"%s\" here", text_show(m->service)), false;
		auth_keep(&a->user, m->user);
		a->user_known = true;
		return true;
	}
	if (service_ok && slice_eq(m->user, buf_slice(&a->user)))
		return true;
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "Change of username or service not allowed: (%s,ssh-connection) -> (%s,%s)",
		text_show(buf_slice(&a->user)), text_show(m->user), text_show(m->service));
	return false;
}

/* RFC 4252, section 5.1: requests behind the successful one are passed over. */
static bool late_request(struct ssh *ssh)
{
	if (++ssh->auth->late <= AUTH_LATE_MAX)
		return true;
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "authentication goes on after success");
	return false;
}

/* RFC 4252, section 5. A request in the middle of keyboard-interactive gives that up (RFC 4256, 3.1): the next ask
 * says so to who answers. */
bool on_auth_request(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_auth_request m;
	if (ssh->phase == PHASE_OPEN)
		return late_request(ssh);
	if (!msg_decode(&desc_auth_request, auth_keep(&a->held, payload), &m))
		return malformed(ssh, "USERAUTH");
	if (!check_user(ssh, &m))
		return false;
	if (++a->requests > AUTH_REQUESTS_MAX)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "Too many authentication failures"), false;
	ssh->auth_context = CONTEXT_TRANSPORT;
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (slice_eq_str(m.method, methods[i].name))
			return methods[i].on(ssh, &m);
	return ask_none(ssh, &m);
}

static bool strings_ok(struct slice s, uint32_t count)
{
	struct reader r = reader_of(s);
	for (uint32_t i = 0; i < count && !r.bad; i++)
		get_string(&r);
	return get_end(&r);
}

/* RFC 4256, section 3.4. */
bool on_auth_info_response(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_auth_info_response m;
	if (!msg_decode(&desc_auth_info_response, auth_keep(&a->held, payload), &m) ||
	    m.count != a->prompts || !strings_ok(m.responses, m.count))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "INFO_RESPONSE does not answer the %u prompts", a->prompts), false;
	ssh->auth_context = CONTEXT_TRANSPORT;
	struct ask q = {.kind = ASK_KBDINT_REPLY, .kbdint_reply = {m.count, m.responses}};
	ask(ssh, &q);
	return true;
}

#define BIT(x) (1u << (x))
enum { ANY = BIT(AUTH_FAILURE) | BIT(AUTH_HANGUP), LOGIN = ANY | BIT(AUTH_PARTIAL) | BIT(AUTH_SUCCESS) };
/* What may be said to what: a probe cannot log in. */
static const unsigned verdicts[ASK_KINDS] = {
	[ASK_AUTH_NONE] = LOGIN,
	[ASK_PASSWORD] = LOGIN | BIT(AUTH_CHANGE_PASSWORD),
	[ASK_KEY_OK] = ANY | BIT(AUTH_KEY_OK),
	[ASK_VERIFY] = LOGIN,
	[ASK_KBDINT] = LOGIN | BIT(AUTH_PROMPTS),
	[ASK_KBDINT_REPLY] = LOGIN | BIT(AUTH_PROMPTS),
	[ASK_HOSTBASED] = LOGIN,
};

/* RFC 4256, section 3.2. */
static void send_prompts(struct ssh *ssh, const struct answer_auth *v)
{
	struct msg_auth_info_request m = {v->name, v->instruction, {0}, v->count, v->prompts};
	ssh->auth->prompts = v->count;
	packet_send(ssh, &desc_auth_info_request, &m);
	ssh->auth_context = CONTEXT_KBDINT;
}

static void send_verdict(struct ssh *ssh, const struct answer_auth *v)
{
	struct auth *a = ssh->auth;
	switch ((enum auth_verdict)v->verdict) {
	case AUTH_FAILURE:
	case AUTH_PARTIAL:
		packet_send(ssh, &desc_auth_failure, &(struct msg_auth_failure){v->methods, v->verdict == AUTH_PARTIAL});
		break;
	case AUTH_SUCCESS:
		packet_send(ssh, &desc_auth_success, &(struct msg_empty){0});
		auth_succeed(ssh, buf_slice(&a->user), true);
		break;
	case AUTH_KEY_OK:
		packet_send(ssh, &desc_auth_pk_ok, &(struct msg_auth_pk_ok){buf_slice(&a->algorithm), buf_slice(&a->blob)});
		break;
	case AUTH_PROMPTS:
		send_prompts(ssh, v);
		break;
	case AUTH_CHANGE_PASSWORD:
		packet_send(ssh, &desc_auth_passwd_changereq, &(struct msg_auth_passwd_changereq){v->instruction, {0}});
		break;
	case AUTH_HANGUP:
		ssh_die(ssh, REASON_PROTOCOL_ERROR, "%.*s", (int)v->instruction.n, (const char *)v->instruction.p);
		break;
	}
}

void auth_server_answered(struct ssh *ssh, const struct answer *answer)
{
	struct auth *a = ssh->auth;
	const struct answer_auth *v = &answer->auth;
	enum ask_kind asked = a->asked;
	a->asked = ASK_NONE;
	buf_reset(&a->held);
	if (v->verdict > AUTH_HANGUP || !(verdicts[asked] & BIT(v->verdict))) {
		ssh_die(ssh, REASON_BY_APPLICATION, "authentication is out of order on this host");
		return;
	}
	if (v->banner.n)
		packet_send(ssh, &desc_auth_banner, &(struct msg_auth_banner){v->banner, {0}});
	send_verdict(ssh, v);
}
