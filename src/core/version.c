/* RFC 4253, section 4.2.
 *
 * When KEXINIT goes out: the client's goes along with its version. The server waits for the client's
 * version line, which a client sends at once as well: so this costs nothing (the bytes are there
 * before the server's process is), and the server knows whom it talks to before it offers
 * algorithms (see trim_prone in kexinit.c).
 */
#include "core/packet.h"

#include <string.h>

#include "base/text.h"
#include "core/kex.h"

enum { LINE_MAX_FROM_CLIENT = 255, LINE_MAX_FROM_SERVER = 8192, LINES_MAX = 1024 };

void version_send(struct ssh *ssh)
{
	struct buf *v = &ssh->kex.my_version;
	put_fmt(v, "SSH-2.0-%s", ssh->setup.software);
	trace(ssh, LOG_LEVEL_DEBUG1, "Local version string %s", text_show(buf_slice(v)));
	packet_raw(ssh, buf_slice(v));
	packet_raw(ssh, SLICE_LIT("\r\n"));
}

static enum packet_result refuse(struct ssh *ssh, uint32_t reason, const char *why)
{
	if (ssh->role == SSH_SERVER)
		packet_raw(ssh, SLICE_LIT("Invalid SSH identification string.\r\n"));
	ssh_die(ssh, reason, "%s", why);
	return PACKET_BAD;
}

/* Fail2ban and others know these two lines (log templates 11 and 12 of OpenSSH). */
static enum packet_result not_ssh(struct ssh *ssh, struct slice line)
{
	if (ssh->role == SSH_CLIENT)
		return refuse(ssh, REASON_PROTOCOL_ERROR, "the other side does not speak SSH: no version line came. Is this the right port?");
	trace(ssh, LOG_LEVEL_ERROR, "kex_exchange_identification: client sent invalid protocol identifier \"%s\"", text_show(line));
	return refuse(ssh, REASON_PROTOCOL_ERROR, "invalid format");
}

/* The next line without its end; false: not all of it is there. *taken counts LF too. */
static bool next_line(const struct ssh *ssh, struct slice *line, size_t *taken)
{
	const struct packet_in *in = &ssh->packet.in;
	size_t have = in->end - in->start;
	const uint8_t *p = in->p ? in->p + in->start : NULL, *lf = have ? memchr(p, '\n', have) : NULL;
	*line = slice_of(p, lf ? (size_t)(lf - p) : have);
	*taken = line->n + 1;
	if (lf && line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return lf != NULL;
}

/* "SSH-2.0-software comments"; 1.99 is a server that also speaks the old protocol (RFC 4253, 5.1). */
static bool speaks_2(struct slice line, struct slice *software)
{
	struct slice rest = slice_from(line, 4), version = slice_cut(&rest, '-');
	*software = rest;
	return slice_eq_str(version, "2.0") || slice_eq_str(version, "1.99");
}

static enum packet_result accept_version(struct ssh *ssh, struct slice line)
{
	struct slice software;
	put_bytes(&ssh->kex.peer_version, line);
	event_push(ssh, EV_VERSION)->text = event_copy(ssh, line);
	if (!speaks_2(line, &software)) {
		ssh_die(ssh, REASON_VERSION_NOT_SUPPORTED, "Protocol major versions differ: 2 vs. %s", text_show(slice_from(line, 4)));
		return PACKET_BAD;
	}
	ssh->quirks = quirks_find(software);
	trace(ssh, LOG_LEVEL_DEBUG1, "Remote protocol version 2.0, remote software version %s, quirks 0x%x", text_show(software), ssh->quirks);
	ssh->phase = PHASE_FIRST_KEXINIT;
	/* Log template 23 of OpenSSH; the owner puts the address in. */
	if (ssh->role == SSH_SERVER && ssh->quirks & (QUIRK_PROBE | QUIRK_SCANNER)) {
		ssh_die(ssh, REASON_BY_APPLICATION, "%s", ssh->quirks & QUIRK_PROBE ? "probed" : "scanned");
		return PACKET_BAD;
	}
	if (ssh->role == SSH_SERVER)
		kex_start(ssh);
	return PACKET_GOT;
}

enum packet_result version_next(struct ssh *ssh)
{
	struct packet_in *in = &ssh->packet.in;
	size_t max = ssh->role == SSH_SERVER ? LINE_MAX_FROM_CLIENT : LINE_MAX_FROM_SERVER, taken;
	struct slice line;
	bool whole = next_line(ssh, &line, &taken);
	bool is_version = slice_has_prefix(line, "SSH-");
	if ((whole ? taken : line.n) > (is_version ? LINE_MAX_FROM_CLIENT : max))
		return not_ssh(ssh, line);
	if (!whole)
		return PACKET_NONE;
	in->start += taken;
	if (is_version)
		return slice_has_nul(line) ? not_ssh(ssh, line) : accept_version(ssh, line);
	if (ssh->role == SSH_SERVER || ++ssh->kex.lines > LINES_MAX)
		return not_ssh(ssh, line);
	trace(ssh, LOG_LEVEL_DEBUG1, "kex_exchange_identification: banner line %u: %s", ssh->kex.lines, text_show(line));
	return PACKET_GOT;
}
