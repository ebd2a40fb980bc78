#include "test/pair/link.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "core/internal.h"

struct ssh_setup link_setup(enum ssh_role role)
{
	return (struct ssh_setup){.role = role, .software = "Hawser_test", .user = "ann", .no_pipeline = role == SSH_CLIENT, .hostbound = true};
}

static void to_keys_in_use(struct ssh *ssh, const char *ext)
{
	struct slice version = ssh_output(ssh);
	ssh_sent(ssh, version.n);
	ssh->setup.no_pipeline = false;
	ssh->quirks = QUIRK_FIRST_CHANNEL_ZERO | QUIRK_EOW;
	ssh->phase = ssh->after_kex = PHASE_SERVICE;
	ssh->kex.count = 1;
	put_str(&ssh->kex.session_id, "session id of the test");
	put_str(&ssh->kex.first_host_key, "host key of the test");
	put_str(&ssh->ext.names, ext ? ext : "");
	ssh->kex.agreed.comp[0] = ssh->kex.agreed.comp[1] = "none";
}

void link_make(struct link *l, const struct ssh_setup *client, const struct ssh_setup *server, const char *client_ext, const char *server_ext)
{
	struct ssh_setup c = client ? *client : link_setup(SSH_CLIENT), s = server ? *server : link_setup(SSH_SERVER);
	c.no_pipeline = true;                               /* no KEXINIT of its own accord */
	l->end[SSH_CLIENT] = ssh_new(&c);
	l->end[SSH_SERVER] = ssh_new(&s);
	to_keys_in_use(l->end[SSH_CLIENT], server_ext);
	to_keys_in_use(l->end[SSH_SERVER], client_ext);
	if (!l->seed)
		l->seed = 1;
	l->cut = l->over[0] = l->over[1] = false;
}

void link_login(struct link *l)
{
	ssh_logged_in(l->end[SSH_CLIENT]);
	ssh_logged_in(l->end[SSH_SERVER]);
}

void link_clear(struct link *l)
{
	ssh_free(l->end[SSH_CLIENT]);
	ssh_free(l->end[SSH_SERVER]);
	l->end[SSH_CLIENT] = l->end[SSH_SERVER] = NULL;
}

/* xorshift64: the tests repeat themselves from their seed. */
uint32_t link_random(struct link *l, uint32_t below)
{
	l->seed ^= l->seed << 13, l->seed ^= l->seed >> 7, l->seed ^= l->seed << 17;
	return (uint32_t)(l->seed >> 20) % below;
}

void link_events(struct link *l, enum ssh_role side)
{
	struct ssh_event ev;
	for (ssh_next(l->end[side], &ev); ev.kind != EV_NEED_INPUT; ssh_next(l->end[side], &ev)) {
		if (ev.kind == EV_OVER) {
			l->over[side] = true;
			l->reason[side] = ev.number;
			snprintf(l->why[side], sizeof l->why[side], "%.*s", (int)ev.text.n, (const char *)ev.text.p);
		}
		if (ev.kind != EV_TRACE)
			l->on_event(l, side, &ev);
	}
}

static size_t portion(struct link *l, size_t n)
{
	if (l->feed == LINK_BYTES && n)
		n = 1;
	else if (l->feed == LINK_RANDOM && n)
		n = 1 + link_random(l, n < 5000 ? (uint32_t)n : 5000);
	uint64_t moved = l->carried[0] + l->carried[1];
	if (l->cut_after && moved + n >= l->cut_after) {
		n = (size_t)(l->cut_after - moved);
		l->cut = true;
	}
	return n;
}

static bool carry(struct link *l, enum ssh_role from)
{
	struct ssh *a = l->end[from], *b = l->end[!from];
	struct slice out = ssh_output(a);
	struct room room = ssh_space(b);
	size_t n = portion(l, out.n < room.n ? out.n : room.n);
	if (!n)
		return false;
	memcpy(room.p, out.p, n);
	ssh_filled(b, n, l->now);
	ssh_sent(a, n);
	l->carried[from] += n;
	return true;
}

bool link_step(struct link *l)
{
	bool moved = false;
	for (enum ssh_role side = SSH_CLIENT; side <= SSH_SERVER; side++) {
		link_events(l, side);
		if (!l->cut && carry(l, side)) {
			moved = true;
			link_events(l, !side);
		}
	}
	return moved && !l->cut;
}

void link_run(struct link *l)
{
	while (link_step(l))
		;
}

void link_inject(struct link *l, enum ssh_role from, struct slice payload)
{
	packet_send_raw(l->end[from], payload);
}
