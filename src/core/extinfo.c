/* EXT_INFO: RFC 8308; entries of OpenSSH's PROTOCOL and of ours. */
#include "core/kex.h"

#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "core/handlers.h"

enum { ENTRIES_MAX = 128 };

/* value NULL: the list of signature algorithms. */
struct entry { const char *name, *value; unsigned from; bool only_resume; };
static const struct entry entries[] = {
	{"server-sig-algs", NULL, FROM_SERVER, false},
	{"publickey-hostbound@openssh.com", "0", FROM_SERVER, false},
	{"ping@openssh.com", "0", FROM_BOTH, false},
	{"ext-info-in-auth@openssh.com", "0", FROM_CLIENT, false},
	{"resume-v1@hawser", "1", FROM_BOTH, true},
};

void extinfo_send(struct ssh *ssh)
{
	unsigned me = ssh->role == SSH_CLIENT ? FROM_CLIENT : FROM_SERVER;
	struct buf pairs = BUF_INIT(32 * 1024);
	uint32_t count = 0;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		const struct entry *e = &entries[i];
		if (!(e->from & me) || (e->only_resume && !ssh->setup.resume))
			continue;
		put_cstring(&pairs, e->name);
		put_cstring(&pairs, e->value ? e->value : ssh->setup.sig_algs);
		count++;
	}
	packet_send(ssh, &desc_ext_info, &(struct msg_ext_info){count, buf_slice(&pairs)});
	buf_clear(&pairs);
}

/* PROTOCOL of OpenSSH, ext-info-in-auth@openssh.com: a second one, behind the first request that named a user. */
void extinfo_update(struct ssh *ssh, const char *sig_algs)
{
	struct buf pairs = BUF_INIT(32 * 1024);
	if (ssh->role != SSH_SERVER || ssh->phase != PHASE_AUTH || !sig_algs || strcmp(sig_algs, ssh->setup.sig_algs) == 0 ||
		!names_has_str(buf_slice(&ssh->ext.names), "ext-info-in-auth@openssh.com"))
		return;
	mem_free((char *)(uintptr_t)ssh->setup.sig_algs);
	ssh->setup.sig_algs = mem_str(sig_algs);
	put_cstring(&pairs, "server-sig-algs");
	put_cstring(&pairs, sig_algs);
	packet_send(ssh, &desc_ext_info, &(struct msg_ext_info){1, buf_slice(&pairs)});
	buf_clear(&pairs);
}

static void take_entry(struct ssh *ssh, struct slice name, struct slice value)
{
	struct extensions *x = &ssh->ext;
	if (slice_eq_str(name, "server-sig-algs") && ssh->role == SSH_CLIENT && names_readable(value)) {
		buf_reset(&x->sig_algs);
		put_bytes(&x->sig_algs, value);
	}
	if (names_valid(name) && !names_has(buf_slice(&x->names), name))
		names_add_slice(&x->names, name);
	trace(ssh, LOG_LEVEL_DEBUG1, "extension: %s=<%s>", text_show(name), text_show(value));
}

/* RFC 8308, section 2.3. A second one, before USERAUTH_SUCCESS, replaces what it names. */
bool on_ext_info(struct ssh *ssh, struct slice payload)
{
	struct msg_ext_info m;
	bool good = msg_decode(&desc_ext_info, payload, &m) && m.count <= ENTRIES_MAX && ++ssh->ext.count <= 2;
	struct reader r = reader_of(good ? m.pairs : slice_of(NULL, 0));
	for (uint32_t i = 0; good && i < m.count; i++) {
		struct slice name = get_string(&r), value = get_string(&r);
		if (r.bad)
			good = false;
		else
			take_entry(ssh, name, value);
	}
	if (good && get_end(&r))
		return true;
	ssh_die(ssh, REASON_PROTOCOL_ERROR, "malformed EXT_INFO");
	return false;
}
