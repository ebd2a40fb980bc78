#include "core/auth.h"

#include "base/text.h"
#include "core/handlers.h"
#include "key/authdata.h"

static bool broken(struct ssh *ssh, const char *what)
{
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed %s", what);
	return false;
}

static void ask_credential(struct ssh *ssh)
{
	struct auth *a = ssh->auth;
	ssh->auth_context = CONTEXT_TRANSPORT;
	a->request_out = a->ask_due = false;
	struct ask q = {.kind = ASK_CREDENTIAL, .credential = {buf_slice(&a->methods), !a->sent_any, a->partial}};
	ask_open(ssh, &q);
}

bool auth_idle(struct ssh *ssh)
{
	if (!ssh->auth || !ssh->auth->ask_due || ssh->ask.kind != ASK_NONE)
		return false;
	ask_credential(ssh);
	return true;
}

/* RFC 4253, section 10. */
bool on_service_accept(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_service m;
	if (!msg_decode(&desc_service_accept, payload, &m))
		return broken(ssh, "SERVICE_ACCEPT");
	if (!slice_eq_str(m.name, "ssh-userauth"))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "service \"%s\" was never requested", text_show(m.name)), false;
	ssh->phase = PHASE_AUTH;
	ssh->rtt = ssh->now - ssh->asked_at;
	a->accepted = true;
	a->ask_due = a->ask_due || a->waiting || ssh->setup.no_pipeline || ssh->quirks & QUIRK_NO_PIPELINE;
	a->waiting = false;
	return true;
}

static struct slice bound_host_key(const struct ssh *ssh)
{
	bool use = ssh->setup.hostbound && ssh_peer_has(ssh, "publickey-hostbound@openssh.com");
	return use ? buf_slice(&ssh->kex.first_host_key) : (struct slice){0};
}

static void request_sent(struct ssh *ssh, enum msg_context context)
{
	ssh->auth->sent_any = ssh->auth->request_out = true;
	ssh->auth->partial = false;
	ssh->auth_context = context;
}

static void send_request(struct ssh *ssh, const char *method, const struct buf *rest, enum msg_context context)
{
	struct msg_auth_request m = {slice_str(ssh->setup.user), SLICE_LIT("ssh-connection"), slice_str(method), buf_slice(rest)};
	packet_send(ssh, &desc_auth_request, &m);
	request_sent(ssh, context);
}

static void send_probe(struct ssh *ssh)
{
	struct auth *a = ssh->auth;
	buf_reset(&a->data);
	auth_publickey_request(&a->data, slice_str(ssh->setup.user), buf_slice(&a->algorithm), buf_slice(&a->blob), bound_host_key(ssh), false);
	packet_send_raw(ssh, buf_slice(&a->data));
	request_sent(ssh, CONTEXT_PUBLICKEY);
}

/* With the session id in front: what a signature covers, and behind it the request that carries the signature. */
static void put_signed_data(struct ssh *ssh)
{
	struct auth *a = ssh->auth;
	const struct auth_host h = {slice_str(ssh->setup.user), buf_slice(&a->algorithm), buf_slice(&a->blob), buf_slice(&a->client_host), buf_slice(&a->client_user)};
	buf_reset(&a->data);
	if (a->kind == CREDENTIAL_HOSTBASED)
		auth_hostbased_data(&a->data, ssh_session_id(ssh), &h);
	else
		auth_signed_data(&a->data, ssh_session_id(ssh), h.user, h.algorithm, h.blob, bound_host_key(ssh));
}

static void ask_sign(struct ssh *ssh)
{
	struct auth *a = ssh->auth;
	a->request_out = false;
	ssh->auth_context = CONTEXT_TRANSPORT;
	put_signed_data(ssh);
	struct ask q = {.kind = ASK_SIGN, .sign = {buf_slice(&a->algorithm), buf_slice(&a->blob), buf_slice(&a->data)}};
	ask_open(ssh, &q);
}

/* RFC 4252, sections 7 and 9. */
static void send_signed(struct ssh *ssh, struct slice signature)
{
	struct auth *a = ssh->auth;
	put_signed_data(ssh);
	put_string(&a->data, signature);
	packet_send_raw(ssh, slice_from(buf_slice(&a->data), 4 + ssh_session_id(ssh).n));
	a->proved = true;
	request_sent(ssh, CONTEXT_TRANSPORT);
}

/* RFC 4252, section 8. A length says something about a password; packets of 32 bytes and more hide most of it. */
static void send_password(struct ssh *ssh, struct slice password, const struct slice *new_password)
{
	struct buf rest = BUF_INIT_SECRET(PACKET_MAX_BEFORE_AUTH / 2);
	put_bool(&rest, new_password != NULL);
	put_string(&rest, password);
	if (new_password)
		put_string(&rest, *new_password);
	ssh->auth->proved = true;
	if (rest.bad)
		ssh_die(ssh, REASON_AUTH_CANCELLED, "password is too long");
	else
		send_request(ssh, "password", &rest, CONTEXT_PASSWORD);
	buf_clear(&rest);
}

/* RFC 4256, section 3.1. */
static void send_kbdint(struct ssh *ssh, struct slice devices)
{
	struct buf rest = BUF_INIT(PACKET_MAX_BEFORE_AUTH / 2);
	msg_encode_body(&body_kbdint, &(struct auth_kbdint){{0}, devices}, &rest);
	send_request(ssh, "keyboard-interactive", &rest, CONTEXT_KBDINT);
	buf_clear(&rest);
}

static void wait_for_accept(struct ssh *ssh)
{
	struct auth *a = ssh->auth;
	if (a->accepted)
		ssh_die(ssh, REASON_BY_APPLICATION, "there is nothing left to wait for before the login");
	a->waiting = true;
}

static void credential_answered(struct ssh *ssh, const struct answer_credential *c)
{
	struct auth *a = ssh->auth;
	a->kind = c->kind;
	a->proved = false;
	a->rounds = 0;
	auth_keep(&a->algorithm, c->algorithm);
	auth_keep(&a->blob, c->blob);
	auth_keep(&a->client_host, c->client_host);
	auth_keep(&a->client_user, c->client_user);
	switch (a->kind) {
	case CREDENTIAL_NONE: send_request(ssh, "none", &(struct buf){0}, CONTEXT_TRANSPORT); break;
	case CREDENTIAL_PROBE: send_probe(ssh); break;
	case CREDENTIAL_SIGN:
	case CREDENTIAL_HOSTBASED: ask_sign(ssh); break;
	case CREDENTIAL_PASSWORD: send_password(ssh, c->password, NULL); break;
	case CREDENTIAL_KBDINT: send_kbdint(ssh, c->devices); break;
	case CREDENTIAL_WAIT: wait_for_accept(ssh); break;
	case CREDENTIAL_GIVE_UP:
	default: ssh_die(ssh, REASON_NO_MORE_METHODS, "%.*s", (int)c->text.n, (const char *)c->text.p); break;
	}
}

/* RFC 4256, section 3.4. */
static void prompts_answered(struct ssh *ssh, const struct answer_prompts *p)
{
	struct auth *a = ssh->auth;
	if (!p->ok || p->count != a->prompts) {
		ask_credential(ssh);
		return;
	}
	a->proved = a->proved || p->count > 0;
	packet_send(ssh, &desc_auth_info_response, &(struct msg_auth_info_response){p->count, p->responses});
	request_sent(ssh, CONTEXT_KBDINT);
}

void auth_client_answered(struct ssh *ssh, const struct answer *answer)
{
	switch (answer->kind) {
	case ASK_CREDENTIAL:
		credential_answered(ssh, &answer->credential);
		break;
	case ASK_SIGN:
		if (answer->sign.ok)
			send_signed(ssh, answer->sign.signature);
		else
			ask_credential(ssh);
		break;
	case ASK_PROMPTS:
		prompts_answered(ssh, &answer->prompts);
		break;
	case ASK_NEW_PASSWORD:
		if (answer->new_password.ok)
			send_password(ssh, answer->new_password.old_password, &answer->new_password.new_password);
		else
			ask_credential(ssh);
		break;
	default:
		ssh_die(ssh, REASON_BY_APPLICATION, "an answer that nobody asked for");
	}
}

static bool unasked(struct ssh *ssh, const char *what)
{
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "%s without a request", what);
	return false;
}

/* RFC 4252, section 5.1. */
bool on_auth_failure(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_auth_failure m;
	if (!msg_decode(&desc_auth_failure, payload, &m))
		return broken(ssh, "USERAUTH_FAILURE");
	if (!a->request_out)
		return unasked(ssh, "USERAUTH_FAILURE");
	auth_keep(&a->methods, m.methods);
	a->partial = m.partial;
	ask_credential(ssh);
	return true;
}

static const char *const method_names[] = {
	[CREDENTIAL_NONE] = "none", [CREDENTIAL_PROBE] = "publickey", [CREDENTIAL_SIGN] = "publickey", [CREDENTIAL_HOSTBASED] = "hostbased",
	[CREDENTIAL_PASSWORD] = "password", [CREDENTIAL_KBDINT] = "keyboard-interactive",
};

/* RFC 4252, section 5.1. A server that lets us in without a proof may be playing for a password typed at its own
 * prompt: EV_AUTHED.ok tells. */
bool on_auth_success(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_empty m;
	if (!msg_decode(&desc_auth_success, payload, &m))
		return broken(ssh, "USERAUTH_SUCCESS");
	if (!a->request_out)
		return unasked(ssh, "USERAUTH_SUCCESS");
	a->request_out = false;
	auth_succeed(ssh, slice_str(method_names[a->kind]), a->proved);
	return true;
}

/* RFC 4252, section 5.4. */
bool on_auth_banner(struct ssh *ssh, struct slice payload)
{
	struct msg_auth_banner m;
	if (!msg_decode(&desc_auth_banner, payload, &m))
		return broken(ssh, "USERAUTH_BANNER");
	event_push(ssh, EV_BANNER)->text = m.text;
	return true;
}

/* RFC 4252, section 7. Servers are known to name another algorithm of the same key; ours counts. */
bool on_auth_pk_ok(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_auth_pk_ok m;
	if (!msg_decode(&desc_auth_pk_ok, payload, &m))
		return broken(ssh, "USERAUTH_PK_OK");
	if (!slice_eq(m.blob, buf_slice(&a->blob)))
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "the server accepts a key that was not offered"), false;
	ask_sign(ssh);
	return true;
}

/* RFC 4252, section 8. */
bool on_auth_passwd_changereq(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_auth_passwd_changereq m;
	if (!msg_decode(&desc_auth_passwd_changereq, auth_keep(&a->held, payload), &m))
		return broken(ssh, "USERAUTH_PASSWD_CHANGEREQ");
	if (++a->rounds > AUTH_ROUNDS_MAX)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "the server asks for new passwords without end"), false;
	a->request_out = false;
	ssh->auth_context = CONTEXT_TRANSPORT;
	struct ask q = {.kind = ASK_NEW_PASSWORD, .new_password = {m.prompt}};
	ask_open(ssh, &q);
	return true;
}

static bool prompts_ok(const struct msg_auth_info_request *m)
{
	struct reader r = reader_of(m->prompts);
	if (m->count > AUTH_PROMPTS_MAX)
		return false;
	for (uint32_t i = 0; i < m->count && !r.bad; i++) {
		get_string(&r);
		get_bool(&r);
	}
	return get_end(&r);
}

/* RFC 4256, section 3.2. */
bool on_auth_info_request(struct ssh *ssh, struct slice payload)
{
	struct auth *a = ssh->auth;
	struct msg_auth_info_request m;
	if (!msg_decode(&desc_auth_info_request, auth_keep(&a->held, payload), &m) || !prompts_ok(&m))
		return broken(ssh, "USERAUTH_INFO_REQUEST");
	if (++a->rounds > AUTH_ROUNDS_MAX)
		return ssh_die(ssh, REASON_PROTOCOL_ERROR, "the server asks questions without end"), false;
	a->prompts = m.count;
	a->request_out = false;
	ssh->auth_context = CONTEXT_TRANSPORT;
	struct ask q = {.kind = ASK_PROMPTS, .prompts = {m.name, m.instruction, m.count, m.prompts}};
	ask_open(ssh, &q);
	return true;
}
