#include "server/monitor.h"

#include <string.h>

#include "base/log.h"
#include "crypto/kem.h"
#include "key/cert.h"
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
	const struct hostkey *key = hostkeys_find(m->shared->keys, host_key);
	const struct key_alg *alg = key_alg_find(ask.algorithm);
	if (kem == NULL || key == NULL || alg == NULL)
		return answer_no(m);
	uint8_t h[HASH_MAX];
	struct buf sig = BUF_INIT(1 << 16);
	struct err err;
	hash_once(kem->hash, ask.transcript, h);
	struct answer_sign yes = {.ok = hostkeys_sign(m->shared->keys, key, alg, slice_of(h, kem->hash->len), &sig, &err)};
	yes.signature = buf_slice(&sig);
	if (!yes.ok)
		log_error("cannot sign with the host key: %s", err.text);
	if (yes.ok && m->session_id.len == 0) {
		put_bytes(&m->session_id, slice_of(h, kem->hash->len));
		put_bytes(&m->host_key, host_key);
		m->host_alg = key_alg_plain(alg);
		m->server.phase = MON_KEYED;
	}
	bool ok = monitor_answer(m, ASK_HOSTSIGN, &yes);
	buf_clear(&sig);
	return ok;
}

/* For UpdateHostKeys (PROTOCOL of OpenSSH, hostkeys-prove-00@openssh.com). What is signed begins with the request's name and is longer
 * than any hash, so that no exchange hash can be had this way. An RSA key signs as the exchange had it, if with one, else with SHA-512. */
static bool prove(struct monitor *m, struct slice blob, struct buf *out)
{
	const struct hostkey *key = hostkeys_find(m->shared->keys, blob);
	struct buf data = BUF_INIT(CERT_MAX), sig = BUF_INIT(CERT_MAX);
	struct err err = {0};
	if (key == NULL || !slice_eq(blob, buf_slice(&key->blob))) {
		log_error("hostkeys-prove: not one of our host keys");
		return false;
	}
	bool rsa = strcmp(key_type(key->key), "ssh-rsa") == 0;
	const struct key_alg *alg = !rsa ? key_alg_find(slice_str(key_type(key->key)))
		: m->host_alg && m->host_alg->kind == PK_RSA ? m->host_alg : key_alg_find(SLICE_LIT("rsa-sha2-512"));
	put_cstring(&data, "hostkeys-prove-00@openssh.com");
	put_string(&data, buf_slice(&m->session_id));
	put_string(&data, blob);
	bool ok = alg && !data.bad && hostkeys_sign(m->shared->keys, key, alg, buf_slice(&data), &sig, &err);
	if (ok)
		put_string(out, buf_slice(&sig));
	else
		log_error("hostkeys-prove: cannot sign with the %s key: %s", key_word(key->key), err.text);
	buf_clear(&data);
	buf_clear(&sig);
	return ok;
}

bool mon_on_prove(void *server, const void *msg, struct frame *f)
{
	struct monitor *m = server;
	const struct frame_prove *ask = msg;
	struct reader r = reader_of(ask->list);
	struct buf out = BUF_INIT(1 << 18);
	(void)f;
	bool ok = ask->list.n > 0;
	/* Each key once: no client has a reason to ask again. */
	while (ok && reader_left(&r)) {
		struct slice blob = get_string(&r);
		ok = !r.bad && m->proven++ < m->shared->keys->n && prove(m, blob, &out);
	}
	struct frame_prove answer = {.ok = ok && !out.bad, .list = buf_slice(&out)};
	bool sent = priv_send_msg(&m->net, FRAME_PROVE, &frame_prove_desc, &answer, NULL, 0);
	buf_clear(&out);
	return sent;
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
