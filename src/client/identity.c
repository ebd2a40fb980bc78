#include "client/identity.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "client/readpass.h"
#include "client/sk.h"
#include "key/keyfile.h"
#include "sys/files.h"

/* So that the agent can hold a key to the hosts that it was added for. Without that it works as before. */
static void bind_agent(struct client *c, struct agentio *agent)
{
	struct slice host_key, signature;
	struct err e;
	ssh_session_proof(c->ssh, &host_key, &signature);
	if (signature.n && !agentio_bind(agent, host_key, ssh_session_id(c->ssh), signature, false, &e))
		log_debug("the agent does not bind its socket to the session: %s", e.text);
}

static void open_agent(struct client *c, struct identities *l)
{
	const char *from = c->conf.identity_agent;
	struct err e;
	char *path = NULL;
	if (from == NULL || strcmp(from, "SSH_AUTH_SOCK") == 0)
		path = mem_str(getenv("SSH_AUTH_SOCK"));
	else if (strcmp(from, "none") == 0)
		return;
	else if (from[0] == '$' && from[1] != '{')
		path = mem_str(getenv(from + 1));
	else if ((path = config_path(c, "IdentityAgent", from, &e)) == NULL)
		log_error("IdentityAgent: %s", e.text);
	if (path && path[0]) {
		l->has_agent = agentio_open(&l->agent, path, &e);
		if (l->has_agent)
			bind_agent(c, &l->agent);
		else
			log_debug("no agent: %s", e.text);
	}
	mem_free(path);
}

static struct identity *add(struct identities *l)
{
	LIST_PUSH(l->at, l->n, ((struct identity){.blob = BUF_INIT(KEYFILE_MAX)}));
	return &l->at[l->n - 1];
}

static void drop(struct identity *id)
{
	mem_free(id->path);
	mem_free(id->comment);
	key_free(id->public);
	key_free(id->private);
	buf_clear(&id->blob);
}

/* The public half: in the file itself where it says so, else in FILE.pub beside it. */
static struct key *read_public(struct slice text, const char *path, struct err *e)
{
	struct key *key = keyfile_read_public(text, NULL, e);
	if (key)
		return key;
	char *beside = mem_fmt("%s.pub", path);
	struct buf b = BUF_INIT(KEYFILE_MAX);
	struct file_policy policy = {FILE_FOLLOW, 0, KEYFILE_MAX};
	if (file_read(beside, &policy, &b, e))
		key = keyfile_read_public(buf_slice(&b), NULL, e);
	buf_clear(&b);
	mem_free(beside);
	return key;
}

static bool read_identity_file(struct identity *id, struct err *e)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct file_policy open = {FILE_FOLLOW, getuid(), KEYFILE_MAX}, closed = {FILE_FOLLOW | FILE_NO_OTHERS, getuid(), KEYFILE_MAX};
	if (!file_read(id->path, &open, &text, e)) {
		id->public = e->code == ERR_MISSING ? read_public(slice_of(NULL, 0), id->path, &(struct err){0}) : NULL;
		buf_clear(&text);
		return id->public != NULL;
	}
	if (!keyfile_is_private(keyfile_detect(buf_slice(&text)))) {
		id->public = keyfile_read_public(buf_slice(&text), NULL, e);
	} else if (buf_reset(&text), !file_read(id->path, &closed, &text, e)) {
		log_error("Permissions for '%s' are too open: other users can read this private key, so it is ignored; run: chmod 600 '%s'",
			id->path, id->path);
	} else {
		id->private = keyfile_read(buf_slice(&text), slice_of(NULL, 0), NULL, e);
		if (id->private)
			id->public = key_copy(id->private);
		else if (e->code == ERR_PASSPHRASE)
			id->public = read_public(buf_slice(&text), id->path, e);
	}
	buf_clear(&text);
	return id->public != NULL;
}

static void load_files(struct client *c, struct identities *l)
{
	bool given = SSH_GIVEN(&c->conf, identity_file);
	for (size_t i = 0; i < c->conf.identity_file.n; i++) {
		const char *name = c->conf.identity_file.v[i];
		struct err e = {0};
		if (strcmp(name, "none") == 0)
			continue;
		struct identity id = {.path = config_path(c, "IdentityFile", name, &e), .given = given, .blob = BUF_INIT(KEYFILE_MAX)};
		if (id.path == NULL || !read_identity_file(&id, &e)) {
			log_at(given && e.code == ERR_MISSING ? LOG_LEVEL_INFO : e.code == ERR_MISSING ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_ERROR,
				given && e.code == ERR_MISSING ? "Warning: Identity file %s not accessible: No such file or directory." : "identity file %s: %s",
				id.path ? id.path : name, e.text);
			drop(&id);
			continue;
		}
		key_blob(id.public, &id.blob);
		log_debug("identity file %s type %s", id.path, key_type(id.public));
		LIST_PUSH(l->at, l->n, id);
	}
}

static void add_agent_key(struct client *c, struct identities *l, const struct agent_key *k)
{
	struct err e;
	struct identity *known = identity_find(l, k->blob);
	if (known) {
		known->in_agent = true;
		return;
	}
	if (c->conf.identities_only)
		return;
	struct key *key = key_from_blob(k->blob, &e);
	if (key == NULL) {
		log_debug("agent key passed over: %s", e.text);
		return;
	}
	struct identity *id = add(l);
	id->public = key;
	id->in_agent = true;
	id->comment = mem_str(text_show(k->comment));
	put_bytes(&id->blob, k->blob);
}

static int rank(const struct identity *id)
{
	return id->in_agent && id->path ? 0 : id->in_agent ? 1 : 2;
}

/* Stable: within a rank the order of agent and configuration stays. */
static void sort(struct identities *l)
{
	struct identity *out = mem_list(l->n + 1, sizeof *out);
	size_t n = 0;
	for (int r = 0; r < 3; r++)
		for (size_t i = 0; i < l->n; i++)
			if (rank(&l->at[i]) == r)
				out[n++] = l->at[i];
	mem_free(l->at);
	l->at = out;
}

void identities_load(struct client *c, struct identities *l)
{
	struct agent_key *keys = NULL;
	size_t n = 0;
	struct err e;
	*l = (struct identities){.agent.fd = -1};
	load_files(c, l);
	open_agent(c, l);
	if (l->has_agent && !agentio_list(&l->agent, &keys, &n, &e))
		log_debug("%s", e.text);
	for (size_t i = 0; i < n; i++)
		add_agent_key(c, l, &keys[i]);
	mem_free(keys);
	sort(l);
}

void identities_clear(struct identities *l)
{
	for (size_t i = 0; i < l->n; i++)
		drop(&l->at[i]);
	mem_free(l->at);
	agentio_close(&l->agent);
}

struct identity *identity_find(struct identities *l, struct slice blob)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_eq(buf_slice(&l->at[i].blob), blob))
			return &l->at[i];
	return NULL;
}

const struct key_alg *identity_alg(struct client *c, const struct identity *id)
{
	struct slice ours = slice_str(c->conf.pubkey_accepted_algorithms), theirs = ssh_peer_sig_algs(c->ssh), name;
	if (id->public == NULL || (key_bits(id->public) < (unsigned)c->conf.required_rsa_size && strcmp(key_type(id->public), "ssh-rsa") == 0))
		return NULL;
	while (names_next(&ours, &name)) {
		const struct key_alg *alg = key_alg_find(name);
		if (alg && strcmp(alg->type, key_type(id->public)) == 0 && (theirs.n == 0 || names_has(theirs, name)))
			return alg;
	}
	return NULL;
}

static struct key *unlock(struct client *c, struct identity *id, struct err *e)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX), pass = BUF_INIT_SECRET(1024);
	struct file_policy policy = {FILE_FOLLOW | FILE_NO_OTHERS, getuid(), KEYFILE_MAX};
	struct key *key = NULL;
	char *prompt = mem_fmt("Enter passphrase for key '%s': ", text_show(slice_str(id->path)));
	bool ok = file_read(id->path, &policy, &text, e);
	if (ok && c->conf.batch_mode)
		ok = err_set(e, ERR_PASSPHRASE, "%s needs a passphrase and BatchMode asks for none", id->path);
	for (int i = 0; ok && key == NULL && i < c->conf.number_of_password_prompts; i++) {
		buf_reset(&pass);
		if (!read_passphrase(prompt, 0, &pass, e) || pass.len == 0)
			break;
		key = keyfile_read(buf_slice(&text), buf_slice(&pass), NULL, e);
		if (key == NULL && e->code != ERR_PASSPHRASE)
			break;
	}
	buf_clear(&text);
	buf_clear(&pass);
	mem_free(prompt);
	return key;
}

bool identity_sign(struct client *c, struct identities *l, struct identity *id, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *e)
{
	if (id->in_agent && id->private == NULL) {
		uint32_t flags = strcmp(alg->name, "rsa-sha2-512") == 0 ? AGENT_SIGN_RSA_SHA2_512
		               : strcmp(alg->name, "rsa-sha2-256") == 0 ? AGENT_SIGN_RSA_SHA2_256 : 0;
		if (agentio_sign(&l->agent, buf_slice(&id->blob), data, flags, sig, e))
			return true;
		if (id->path == NULL)
			return false;
		log_debug("%s; trying the file %s", e->text, id->path);
		buf_reset(sig);
	}
	if (id->private == NULL && id->path)
		id->private = unlock(c, id, e);
	if (id->private == NULL)
		return e->code ? false : err_set(e, ERR_MISSING, "no private key for %s", id->path ? id->path : "this key");
	struct sk_user user = {sk_provider_of(c->conf.security_key_provider), id->path, c->conf.fingerprint_hash == CONF_HASH_MD5 ? &hash_md5 : &hash_sha256,
		c->conf.batch_mode};
	return sk_sign(id->private, alg, &user, data, sig, e);
}
