#include "drive/agentio.h"

#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/sock.h"

enum { REQUEST_IDENTITIES = 11, IDENTITIES_ANSWER = 12, SIGN_REQUEST = 13, SIGN_RESPONSE = 14, SUCCESS = 6, EXTENSION = 27, MESSAGE_MAX = 256 << 10, LIST_MS = 10000 };

bool agentio_open(struct agentio *a, const char *path, struct err *e)
{
	*a = (struct agentio){.fd = sock_connect_unix(path, e), .reply = BUF_INIT(MESSAGE_MAX)};
	return a->fd >= 0;
}

void agentio_close(struct agentio *a)
{
	fd_close(&a->fd);
	buf_clear(&a->reply);
}

bool agentio_ask(struct agentio *a, struct slice body, int ms, struct reader *r, struct err *e)
{
	uint8_t head[4];
	struct buf message = BUF_INIT_SECRET(MESSAGE_MAX + 4);
	put_string(&message, body);
	bool ok = !message.bad && fd_write_all(a->fd, buf_slice(&message), LIST_MS, e);
	buf_clear(&message);
	if (!ok || !fd_read_exact(a->fd, (struct room){head, 4}, ms, e))
		return err_prefix(e, "agent");
	uint32_t n = load_u32(head);
	buf_reset(&a->reply);
	struct room room = buf_room(&a->reply, n);
	if (n == 0 || room.p == NULL)
		return err_set(e, ERR_PEER, "agent: it sent a message of %u bytes", n);
	if (!fd_read_exact(a->fd, room, ms, e))
		return err_prefix(e, "agent");
	buf_add(&a->reply, n);
	*r = reader_of(buf_slice(&a->reply));
	return true;
}

/* The same for an answer whose first byte must be `want`; r stands behind it. */
static bool ask(struct agentio *a, const struct buf *body, uint8_t want, int ms, struct reader *r, struct err *e)
{
	if (!agentio_ask(a, buf_slice(body), ms, r, e))
		return false;
	return get_u8(r) == want ? true : err_set(e, ERR_DENIED, "agent refused operation");
}

bool agentio_list(struct agentio *a, struct agent_key **keys, size_t *n, struct err *e)
{
	struct buf body = BUF_INIT(16);
	struct reader r;
	*keys = NULL, *n = 0;
	put_u8(&body, REQUEST_IDENTITIES);
	bool ok = ask(a, &body, IDENTITIES_ANSWER, LIST_MS, &r, e);
	buf_clear(&body);
	if (!ok)
		return false;
	uint32_t count = get_u32(&r);
	if (count > AGENT_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "agent: it holds %u keys; at most %d are read", count, AGENT_KEYS_MAX);
	for (uint32_t i = 0; i < count && !r.bad; i++) {
		struct agent_key k;
		k.blob = get_string(&r);
		k.comment = get_string(&r);
		LIST_PUSH(*keys, *n, k);
	}
	if (get_end(&r))
		return true;
	mem_free(*keys);
	*keys = NULL, *n = 0;
	return err_set(e, ERR_FORMAT, "agent: its list of keys is broken");
}

bool agentio_sign(struct agentio *a, struct slice blob, struct slice data, uint32_t flags, struct buf *sig, struct err *e)
{
	struct buf body = BUF_INIT(MESSAGE_MAX);
	struct reader r;
	put_u8(&body, SIGN_REQUEST);
	put_string(&body, blob);
	put_string(&body, data);
	put_u32(&body, flags);
	bool ok = !body.bad && ask(a, &body, SIGN_RESPONSE, -1, &r, e);
	buf_clear(&body);
	if (!ok)
		return false;
	put_bytes(sig, get_string(&r));
	return get_end(&r) ? true : err_set(e, ERR_FORMAT, "agent: its signature is broken");
}

bool agentio_do(struct agentio *a, struct slice message, struct err *e)
{
	struct reader r;
	if (!agentio_ask(a, message, -1, &r, e))
		return false;
	return get_u8(&r) == SUCCESS || err_set(e, ERR_DENIED, "agent refused operation");
}

bool agentio_bind(struct agentio *a, struct slice host_key, struct slice session_id, struct slice signature, bool forwarding, struct err *e)
{
	struct buf body = BUF_INIT(MESSAGE_MAX);
	put_u8(&body, EXTENSION);
	put_cstring(&body, "session-bind@openssh.com");
	put_string(&body, host_key);
	put_string(&body, session_id);
	put_string(&body, signature);
	put_bool(&body, forwarding);
	bool ok = !body.bad && agentio_do(a, buf_slice(&body), e);
	buf_clear(&body);
	return ok;
}
