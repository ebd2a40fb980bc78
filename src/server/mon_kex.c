#include "server/monitor.h"

#include "base/log.h"
#include "crypto/kem.h"
#include "server/moduli.h"
#include "sys/files.h"

static bool answer_no(struct monitor *m)
{
	struct answer_sign no = {.ok = false};
	return monitor_answer(m, ASK_HOSTSIGN, &no);
}

/* RFC 4253, section 8; RFC 5656, section 4: V_C, V_S, I_C, I_S, K_S are strings; what follows is the method's. */
static bool transcript_host_key(struct slice transcript, struct slice *host_key)
{
	struct reader r = reader_of(transcript);
	for (int i = 0; i < 4; i++)
		get_string(&r);
	*host_key = get_string(&r);
	return !r.bad && reader_left(&r) > 0;
}

/* The monitor computes H from the transcript and signs only that: sshd-net can have nothing else signed. The first
 * H is the session id (RFC 4253, section 7.2). */
bool mon_on_hostsign(void *server, const void *none, struct frame *f)
{
	struct monitor *m = server;
	struct ask_hostsign ask;
	struct reader r = reader_of(f->body);
	struct slice host_key;
	(void)none;
	if (!msg_decode_body(ask_row(ASK_HOSTSIGN)->ask, &r, &ask) || !get_end(&r) || !transcript_host_key(ask.transcript, &host_key))
		return false;
	const struct kem_alg *kem = kem_find(ask.kex);
	const struct key *key = hostkeys_find(m->shared->keys, host_key);
	const struct key_alg *alg = key_alg_find(ask.algorithm);
	if (kem == NULL || key == NULL || alg == NULL)
		return answer_no(m);
	uint8_t h[HASH_MAX];
	struct buf sig = BUF_INIT(1 << 16);
	struct err err;
	hash_once(kem->hash, ask.transcript, h);
	struct answer_sign yes = {.ok = key_sign(key, alg, slice_of(h, kem->hash->len), &sig, &err)};
	yes.signature = buf_slice(&sig);
	if (!yes.ok)
		log_error("cannot sign with the host key: %s", err.text);
	if (yes.ok && m->session_id.len == 0) {
		put_bytes(&m->session_id, slice_of(h, kem->hash->len));
		put_bytes(&m->host_key, host_key);
		m->server.phase = MON_KEYED;
	}
	bool ok = monitor_answer(m, ASK_HOSTSIGN, &yes);
	buf_clear(&sig);
	return ok;
}

/* RFC 4419, section 3: a group of the moduli file. */
bool mon_on_group(void *server, const void *none, struct frame *f)
{
	struct monitor *m = server;
	struct ask_group ask;
	struct reader r = reader_of(f->body);
	struct buf text = BUF_INIT(MODULI_MAX), p = BUF_INIT(4096), g = BUF_INIT(16);
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = MODULI_MAX};
	struct err err;
	(void)none;
	if (!msg_decode_body(ask_row(ASK_GROUP)->ask, &r, &ask) || !get_end(&r))
		return false;
	struct answer_group answer = {.ok = false};
	if (file_read(m->conf.moduli_file, &policy, &text, &err))
		answer.ok = moduli_choose(buf_slice(&text), &ask, &p, &g);
	else
		log_debug("%s", err.text);
	answer.p = buf_slice(&p);
	answer.g = buf_slice(&g);
	bool ok = monitor_answer(m, ASK_GROUP, &answer);
	buf_clear(&text);
	buf_clear(&p);
	buf_clear(&g);
	return ok;
}
