/* Keys that are not in files: in the agent (-U), in a PKCS#11 token (-D). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "client/token.h"
#include "drive/agentio.h"
#include "tools/keygen.h"

struct keygen_away { struct agentio agent; struct token_link token; bool by_agent, by_token; };

static bool agent_has(struct agentio *a, struct slice blob, struct err *err)
{
	struct agent_key *keys;
	size_t n;
	bool found = false;
	if (!agentio_list(a, &keys, &n, err))
		return false;
	for (size_t i = 0; i < n; i++)
		found = found || slice_eq(keys[i].blob, blob);
	mem_free(keys);
	return found || err_set(err, ERR_MISSING, "the key is not in the agent");
}

static bool open_agent(struct keygen *k, struct slice blob, struct err *err)
{
	const char *path = getenv("SSH_AUTH_SOCK");
	struct keygen_away *w = mem_new(sizeof *w);
	w->token.fd = w->token.pidfd = w->agent.fd = -1;
	if (path == NULL || *path == 0)
		err_set(err, ERR_MISSING, "no agent: SSH_AUTH_SOCK is not set");
	else if (agentio_open(&w->agent, path, err) && agent_has(&w->agent, blob, err))
		w->by_agent = true;
	k->away = w;
	if (!w->by_agent)
		keygen_away_end(k);
	return k->away != NULL;
}

static bool open_token(struct keygen *k, struct slice blob, struct err *err)
{
	struct token_item *items;
	size_t n;
	struct keygen_away *w = mem_new(sizeof *w);
	w->agent.fd = -1;
	if (!token_load(&w->token, k->library, slice_of(NULL, 0), &items, &n, err)) {
		mem_free(w);
		return false;
	}
	k->away = w;
	for (size_t i = 0; i < n; i++)
		w->by_token = w->by_token || slice_eq(items[i].blob, blob);
	mem_free(items);
	if (w->by_token)
		return true;
	keygen_away_end(k);
	return err_set(err, ERR_MISSING, "the key is not in a token of %s", text_show(slice_str(k->library)));
}

struct key *keygen_away_key(struct keygen *k, const char *path, struct err *err)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	struct key *key = keygen_load_public(path, NULL, err);
	if (key)
		key_blob(key, &blob);
	if (key && !(k->library ? open_token(k, buf_slice(&blob), err) : open_agent(k, buf_slice(&blob), err))) {
		err_prefix(err, "%s", path);
		key_free(key);
		key = NULL;
	}
	buf_clear(&blob);
	return key;
}

bool keygen_away_sign(const struct keygen *k, const struct key *key, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *err)
{
	struct keygen_away *w = k->away;
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	uint32_t flags = strcmp(alg->name, "rsa-sha2-512") == 0 ? AGENT_SIGN_RSA_SHA2_512 : strcmp(alg->name, "rsa-sha2-256") == 0 ? AGENT_SIGN_RSA_SHA2_256 : 0;
	struct sk_flags touch;
	key_blob(key, &blob);
	bool ok = w->by_token ? token_make_signature(&w->token, buf_slice(&blob), alg, data, false, sig, err)
	                      : agentio_sign(&w->agent, buf_slice(&blob), data, flags, sig, err);
	buf_clear(&blob);
	if (ok && key_verify_sk(key, alg, data, buf_slice(sig), &touch) != VERDICT_VERIFIED)
		ok = err_set(err, ERR_PEER, "the %s made no right %s signature", w->by_token ? "token" : "agent", alg->name);
	return ok;
}

void keygen_away_end(struct keygen *k)
{
	if (k->away == NULL)
		return;
	agentio_close(&k->away->agent);
	if (k->away->by_token || k->away->token.fd >= 0)
		token_end(&k->away->token);
	mem_free(k->away);
	k->away = NULL;
}

static bool show(struct keygen *k, const struct token_item *item, struct err *err)
{
	struct key *key = key_from_blob(item->blob, err);
	struct buf out = BUF_INIT(2 * KEYFILE_MAX);
	bool ok = key != NULL;
	if (ok && (k->verbose || k->fingerprint)) {
		keygen_show_key(k, key, "", item->label);
	} else if (ok && k->export) {
		ok = keyfile_write_public(key, keygen_public_format(k), item->label, &out, err);
	} else if (ok) {
		put_fmt(&out, "%s ", key_type(key));
		put_base64(&out, item->blob);
		put_str(&out, item->label.n ? " " : "");
		keygen_put_comment(&out, item->label);
		put_str(&out, "\n");
	}
	fwrite(out.p, 1, out.len, stdout);
	buf_clear(&out);
	key_free(key);
	return ok;
}

int keygen_token_keys(struct keygen *k)
{
	struct token_link token;
	struct token_item *items;
	struct err err = {0};
	size_t n;
	if (k->sign_cert)
		return keygen_sign_cert(k);
	if (k->nargs) {
		fprintf(stderr, "%s: too many arguments, beginning with \"%s\"\n", k->program, text_show(slice_str(k->arg[0])));
		return KEYGEN_NO;
	}
	if (!token_load(&token, k->library, slice_of(NULL, 0), &items, &n, &err))
		return keygen_fail(k, &err);
	bool ok = n > 0 || err_set(&err, ERR_MISSING, "no public key in the tokens of %s", text_show(slice_str(k->library)));
	for (size_t i = 0; ok && i < n; i++)
		ok = show(k, &items[i], &err);
	mem_free(items);
	token_end(&token);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}
