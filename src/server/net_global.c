#include "server/net.h"

#include "base/mem.h"
#include "key/key.h"

/* Replies go out in the order of the requests (RFC 4254, section 4): those behind one that the monitor is still about wait. */
enum { PROOFS_MAX = 8 };

static void reply(struct net *n, bool ok, struct slice data)
{
	if (!n->proving)
		ssh_global_reply(n->ssh, ok, data);
	else
		put_bool(&n->replies, ok);
	if (n->replies.bad)
		loop_stop(n->loop);
}

/* hostkeys-prove-00@openssh.com: the monitor signs. False: it will not be asked. */
static bool ask_proof(struct net *n, const struct ssh_event *ev)
{
	struct frame_prove ask = {.list = ev->data};
	if (!ev->want_reply || n->proving || n->proofs++ >= PROOFS_MAX)
		return false;
	n->proving = true;
	if (!priv_send_msg(&n->monitor, FRAME_PROVE, &frame_prove_desc, &ask, NULL, 0))
		loop_stop(n->loop);
	return true;
}

bool net_proof(struct net *n, struct slice body)
{
	struct frame_prove p;
	struct reader r = reader_of(body);
	if (!n->proving || !msg_decode_body(&frame_prove_desc, &r, &p) || !get_end(&r))
		return false;
	n->proving = false;
	ssh_global_reply(n->ssh, p.ok, p.ok ? p.list : (struct slice){0});
	struct reader held = reader_of(buf_slice(&n->replies));
	while (reader_left(&held))
		ssh_global_reply(n->ssh, get_bool(&held), (struct slice){0});
	buf_clear(&n->replies);
	return true;
}

void net_global(struct net *n, const struct ssh_event *ev)
{
	bool known = slice_eq_str(ev->name, "no-more-sessions@openssh.com");
	n->no_more_sessions |= known;
	if (slice_eq_str(ev->name, "hostkeys-prove-00@openssh.com") && ask_proof(n, ev))
		return;
	if (ev->want_reply)
		reply(n, known, (struct slice){0});
}

void net_keep_key(struct net *n, struct slice blob)
{
	struct reader type = reader_of(blob);
	if (key_kind_find(get_string(&type)))
		put_string(&n->announce, blob);
}

/* All keys, also those that this exchange did not use; no certificates (PROTOCOL of OpenSSH, hostkeys-00@openssh.com). */
void net_announce(struct net *n)
{
	if (n->announce.len && !n->announce.bad)
		ssh_global_request(n->ssh, "hostkeys-00@openssh.com", false, buf_slice(&n->announce));
	buf_clear(&n->announce);
}
