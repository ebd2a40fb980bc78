#include "core/auth.h"

#include "base/mem.h"

static struct auth *auth_new(void)
{
	struct auth *a = mem_new(sizeof *a);
	struct buf *bufs[] = {&a->held, &a->user, &a->client_host, &a->client_user, &a->methods, &a->algorithm, &a->blob, &a->data};
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		*bufs[i] = BUF_INIT_SECRET(2 * PACKET_MAX_BEFORE_AUTH);
	return a;
}

static void drop_bufs(struct auth *a)
{
	struct buf *bufs[] = {&a->held, &a->user, &a->client_host, &a->client_user, &a->methods, &a->algorithm, &a->blob, &a->data};
	for (size_t i = 0; i < ARRAY_LEN(bufs); i++)
		buf_clear(bufs[i]);
}

void auth_free(struct auth *a)
{
	if (!a)
		return;
	drop_bufs(a);
	mem_free_secret(a, sizeof *a);
}

struct slice auth_keep(struct buf *b, struct slice s)
{
	buf_reset(b);
	put_bytes(b, s);
	return buf_slice(b);
}

/* RFC 4252, section 5.3: the client learns here that the service may be requested. */
void auth_begin(struct ssh *ssh)
{
	ssh->auth = auth_new();
	if (ssh->role == SSH_SERVER)
		return;
	packet_send(ssh, &desc_service_request, &(struct msg_service){SLICE_LIT("ssh-userauth")});
	ssh->asked_at = ssh->now;
	ssh->auth->ask_due = !(ssh->setup.no_pipeline || ssh->quirks & QUIRK_NO_PIPELINE);
}

void auth_answered(struct ssh *ssh, const struct answer *answer)
{
	if (ssh->role == SSH_SERVER)
		auth_server_answered(ssh, answer);
	else
		auth_client_answered(ssh, answer);
}

void auth_succeed(struct ssh *ssh, struct slice who, bool proved)
{
	struct slice name = event_copy(ssh, who);
	ssh->auth_context = CONTEXT_TRANSPORT;
	drop_bufs(ssh->auth);
	ssh_logged_in(ssh);
	if (ssh_is_over(ssh))
		return;                                     /* the channels that were to go on cannot */
	struct ssh_event *ev = event_push(ssh, EV_AUTHED);
	ev->name = name;
	ev->ok = proved;
}
