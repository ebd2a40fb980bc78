#include "test/pair/pair.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "crypto/kem.h"
#include "key/cert.h"

uint32_t pair_random(struct pair *p, uint32_t below)
{
	p->random = p->random * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(p->random >> 33) % below;
}

static void default_lists(struct ssh_algs *a)
{
	static const char kex[] = "mlkem768x25519-sha256,curve25519-sha256";
	static const char keys[] = "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256";
	static const char ciphers[] = "aes128-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr";
	static const char macs[] = "hmac-sha2-256-etm@openssh.com,hmac-sha2-256";
	const char **lists[] = {&a->kex, &a->host_key, &a->cipher_cs, &a->cipher_sc, &a->mac_cs, &a->mac_sc, &a->comp_cs, &a->comp_sc};
	const char *defaults[] = {kex, keys, ciphers, ciphers, macs, macs, "none", "none"};
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (!*lists[i])
			*lists[i] = defaults[i];
}

/* A host certificate that a CA made for this test signed. */
static void certify(const struct key *key, struct buf *blob)
{
	struct key *ca = key_generate(SLICE_LIT("ssh-ed25519"), 0, NULL);
	struct cert_request q = {.key = key, .role = CERT_HOST, .before = CERT_FOREVER, .key_id = SLICE_LIT("host")};
	bool ok = cert_sign(&q, ca, key_alg_find(SLICE_LIT("ssh-ed25519")), blob, NULL);
	assert(ok);
	key_free(ca);
}

static void make_keys(struct pair *p, const char *types)
{
	struct slice list = slice_str(types ? types : "ssh-ed25519"), name;
	while (names_next(&list, &name)) {
		struct err e = {0};
		const struct key_kind *certified = cert_kind_find(name);
		struct key *key = key_generate(certified ? slice_str(certified->name) : name, 2048, &e);
		if (!key)
			printf("no key of type %s: %s\n", text_show(name), e.text);
		assert(key && p->key_count < ARRAY_LEN(p->keys));
		p->blobs[p->key_count] = BUF_INIT(16 * 1024);
		if (certified)
			certify(key, &p->blobs[p->key_count]);
		else
			key_blob(key, &p->blobs[p->key_count]);
		p->keys[p->key_count++] = key;
	}
}

struct pair *pair_new(const struct pair_setup *setup)
{
	struct pair *p = mem_new(sizeof *p);
	struct slice blobs[8];
	p->setup = *setup;
	p->now = 1000;
	p->random = 1;
	make_keys(p, setup->key_types);
	for (size_t i = 0; i < p->key_count; i++)
		blobs[i] = buf_slice(&p->blobs[i]);
	for (size_t i = 0; i < ARRAY_LEN(p->scratch); i++)
		p->scratch[i] = BUF_INIT(64 * 1024);
	for (int i = 0; i < 2; i++) {
		struct ssh_setup s = setup->ssh[i];
		s.role = i == PAIR_CLIENT ? SSH_CLIENT : SSH_SERVER;
		s.software = s.software ? s.software : "OpenSSH_10.5 Hawser_0.1";
		s.now = p->now;
		default_lists(&s.algs);
		if (i == PAIR_SERVER) {
			s.host_keys = blobs, s.host_key_count = p->key_count;
			s.sig_algs = s.sig_algs ? s.sig_algs : "ssh-ed25519,rsa-sha2-512";
		} else {
			s.user = s.user ? s.user : "ann";
		}
		p->side[i].log = BUF_INIT(16 * 1024 * 1024);
		p->side[i].ssh = ssh_new(&s);
	}
	return p;
}

void pair_free(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		ssh_free(p->side[i].ssh);
		buf_clear(&p->side[i].log);
	}
	for (size_t i = 0; i < p->key_count; i++) {
		key_free(p->keys[i]);
		buf_clear(&p->blobs[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(p->scratch); i++)
		buf_clear(&p->scratch[i]);
	mem_free(p);
}

static struct buf *scratch(struct pair *p)
{
	struct buf *b = &p->scratch[p->scratch_next++ % ARRAY_LEN(p->scratch)];
	buf_reset(b);
	return b;
}

/* As the monitor does it: the hash is computed here, from the transcript. */
static void sign_transcript(struct pair *p, const struct ask_hostsign *q, struct answer_sign *a)
{
	const struct kem_alg *kem = kem_find(q->kex);
	const struct key_alg *alg = key_alg_find(q->algorithm);
	uint8_t hash[HASH_MAX];
	struct buf *sig = scratch(p);
	assert(kem && alg);
	hash_once(kem->hash, q->transcript, hash);
	for (size_t i = 0; i < p->key_count && !a->ok; i++) {
		struct reader type = reader_of(buf_slice(&p->blobs[i]));
		if (slice_eq_str(get_string(&type), alg->type))
			a->ok = key_sign(p->keys[i], alg, slice_of(hash, kem->hash->len), sig, NULL);
	}
	a->signature = buf_slice(sig);
}

void pair_default_answer(struct pair *p, int side, const struct ask *q, struct answer *a)
{
	static const struct slice methods = {(const uint8_t *)"publickey,password", 18};
	(void)side;
	*a = (struct answer){.kind = q->kind};
	switch (q->kind) {
	case ASK_HOSTSIGN: sign_transcript(p, &q->hostsign, &a->sign); break;
	case ASK_HOSTKEY: a->yes.ok = true; break;
	case ASK_CREDENTIAL:
		a->credential.kind = CREDENTIAL_PASSWORD;
		a->credential.password = SLICE_LIT("secret");
		break;
	case ASK_PASSWORD:
		a->auth.verdict = slice_eq_str(q->password.password, "secret") ? AUTH_SUCCESS : AUTH_FAILURE;
		a->auth.methods = methods;
		break;
	case ASK_VERIFY: a->auth.verdict = AUTH_SUCCESS; break;
	case ASK_GROUP: break;                          /* the core takes a fixed group */
	default: a->auth.methods = methods; break;
	}
}

static void answer(struct pair *p, int side, const struct ask *q)
{
	struct answer a = {.kind = q->kind};
	struct pair_side *s = &p->side[side];
	s->asks++;
	s->hostkey_asks += q->kind == ASK_HOSTKEY;
	s->hostsign_asks += q->kind == ASK_HOSTSIGN;
	if (p->hold)
		return;
	if (!p->setup.answer || !p->setup.answer(p, side, q, &a))
		pair_default_answer(p, side, q, &a);
	ssh_answer(s->ssh, &a);
}

static void note_over(struct pair_side *s, const struct ssh_event *ev)
{
	s->over = true;
	s->reason = ev->number;
	s->by_peer = ev->by_peer;
	snprintf(s->over_text, sizeof s->over_text, "%.*s", (int)ev->text.n, (const char *)ev->text.p);
}

static void note(struct pair *p, int side, const struct ssh_event *ev)
{
	struct pair_side *s = &p->side[side];
	switch (ev->kind) {
	case EV_KEXED: s->kexed = ev->number; break;
	case EV_AUTHED: s->authed = true; break;
	case EV_OVER: note_over(s, ev); break;
	case EV_TRACE:
		put_bytes(&s->log, ev->text);
		put_str(&s->log, "\n");
		break;
	case EV_OPEN:
		s->chan = ev->chan, s->chan_told = true;
		if (!p->setup.event)
			chan_accept(s->ssh, ev->chan, slice_of(NULL, 0));
		break;
	case EV_OPENED: s->chan = ev->chan, s->opened++; break;
	case EV_DATA:
		s->bytes_in += ev->data.n;
		s->data_events++;
		chan_consumed(s->ssh, ev->chan, ev->data.n);
		break;
	default: break;
	}
}

void pair_events(struct pair *p, int side)
{
	struct ssh_event ev;
	for (;;) {
		ssh_next(p->side[side].ssh, &ev);
		if (ev.kind == EV_NEED_INPUT)
			return;
		if (p->setup.event)
			p->setup.event(p, side, &ev);
		note(p, side, &ev);
		if (ev.kind == EV_ASK)
			answer(p, side, &ev.ask);
	}
}

static size_t piece(struct pair *p, size_t n)
{
	switch (p->setup.feed) {
	case FEED_BYTE: return 1;
	case FEED_RANDOM: return 1 + pair_random(p, n < 3000 ? (uint32_t)n : 3000);
	case FEED_WHOLE: break;
	}
	return n;
}

bool pair_move(struct pair *p, int from)
{
	struct ssh *a = p->side[from].ssh, *b = p->side[!from].ssh;
	struct slice out = ssh_output(a);
	struct room in = ssh_space(b);
	size_t n = out.n ? piece(p, out.n) : 0;
	if (n > out.n)
		n = out.n;
	if (ssh_is_over(b)) {                           /* a closed socket takes everything and gives nothing */
		ssh_sent(a, out.n);
		return out.n > 0;
	}
	if (n > in.n)
		n = in.n;
	if (n == 0)
		return false;
	memcpy(in.p, out.p, n);
	ssh_sent(a, n);
	if (!p->setup.wire || p->setup.wire(p, from, in.p, n))
		ssh_filled(b, n, p->now);
	pair_events(p, !from);
	return true;
}

bool pair_run(struct pair *p)
{
	pair_events(p, PAIR_CLIENT);
	pair_events(p, PAIR_SERVER);
	for (int i = 0; i < 20000000; i++) {
		bool moved = pair_move(p, PAIR_CLIENT);
		if (!pair_move(p, PAIR_SERVER) && !moved) {
			pair_events(p, PAIR_CLIENT);
			pair_events(p, PAIR_SERVER);
			if (ssh_output(p->side[0].ssh).n == 0 && ssh_output(p->side[1].ssh).n == 0)
				return true;
		}
	}
	return false;
}

void pair_tick(struct pair *p, uint64_t milliseconds)
{
	p->now += milliseconds;
	for (int i = 0; i < 2; i++)
		if (ssh_wake(p->side[i].ssh) <= p->now)
			ssh_tick(p->side[i].ssh, p->now);
}

bool pair_login(struct pair *p)
{
	bool ended = pair_run(p);
	for (int i = 0; i < 2; i++)
		if (p->side[i].over)
			printf("%s: %s\n", i ? "server" : "client", p->side[i].over_text);
	return ended && p->side[0].authed && p->side[1].authed;
}

bool pair_logged(const struct pair *p, int side, const char *text)
{
	const struct buf *log = &p->side[side].log;
	return log->len && memmem(log->p, log->len, text, strlen(text)) != NULL;
}
