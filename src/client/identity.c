#include "client/identity.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "client/certfile.h"
#include "client/readpass.h"
#include "client/sk.h"
#include "key/keyfile.h"
#include "sys/files.h"

/* So that the agent can hold a key to the hosts that it was added for. Without that it works as before. */
static void bind_agent(struct client *c, struct agentio *agent)
{
	struct slice host_key, signature;
	struct err e;
	if (c->ssh == NULL)
		return;
	ssh_session_proof(c->ssh, &host_key, &signature);
	if (signature.n && !agentio_bind(agent, host_key, ssh_session_id(c->ssh), signature, false, &e))
		log_debug("the agent does not bind its socket to the session: %s", e.text);
}

/* IdentityAgent; owned. NULL: none. */
static char *agent_path(struct client *c)
{
	const char *from = c->conf.identity_agent;
	struct err e;
	if (from == NULL || strcmp(from, "SSH_AUTH_SOCK") == 0)
		return mem_str(getenv("SSH_AUTH_SOCK"));
	if (strcmp(from, "none") == 0)
		return NULL;
	if (from[0] == '$' && from[1] != '{')
		return mem_str(getenv(from + 1));
	char *path = config_path(c, "IdentityAgent", from, &e);
	if (path == NULL)
		log_error("IdentityAgent: %s", e.text);
	return path;
}

bool identity_agent(struct client *c, struct agentio *agent)
{
	char *path = agent_path(c);
	struct err e;
	bool open = path && path[0] && agentio_open(agent, path, &e);
	if (path && path[0] && !open)
		log_debug("no agent: %s", e.text);
	mem_free(path);
	return open;
}

static void open_agent(struct client *c, struct identities *l)
{
	l->has_agent = identity_agent(c, &l->agent);
	if (l->has_agent)
		bind_agent(c, &l->agent);
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
	cert_free(id->cert);
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

static void take_comment(struct identity *id, struct buf *take_text)
{
	if (id->comment == NULL && take_text->len && !slice_has_nul(buf_slice(take_text)))
		id->comment = slice_dup(buf_slice(take_text));
	buf_clear(take_text);
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
		struct buf comment = BUF_INIT(KEYFILE_MAX);
		id->private = keyfile_read(buf_slice(&text), slice_of(NULL, 0), &comment, e);
		take_comment(id, &comment);
		if (id->private)
			id->public = key_copy(id->private);
		else if (e->code == ERR_PASSPHRASE)
			id->public = read_public(buf_slice(&text), id->path, e);
	}
	buf_clear(&text);
	return id->public != NULL;
}

static struct identity *take_cert(struct identities *l, struct cert *cert, const char *path, bool given, bool no_key_file)
{
	if (cert->role != CERT_USER) {
		log_debug("certificate %s is not for users", path);
		cert_free(cert);
		return NULL;
	}
	struct identity *id = add(l);
	id->path = mem_str(path);
	id->cert = cert;
	id->public = key_copy(cert->key);
	id->given = given;
	id->no_key_file = no_key_file;
	put_bytes(&id->blob, buf_slice(&cert->blob));
	log_debug("%s file %s type %s", no_key_file ? "certificate" : "identity", path, key_kind(id->public)->cert);
	return id;
}

static void load_beside(struct client *c, struct identities *l, const char *path, bool given)
{
	struct err e = {0};
	if (c->conf.certificate_file.n)
		return;
	struct cert *cert = certfile_beside(path, NULL, &e);
	if (cert)
		take_cert(l, cert, path, given, false);
	else if (e.code != ERR_MISSING)
		log_debug("%s", e.text);
}

static void say_missing(const char *path, bool given, const struct err *e)
{
	if (e->code == ERR_MISSING && given)
		log_info("Warning: Identity file %s not accessible: No such file or directory.", path);
	else
		log_at(e->code == ERR_MISSING ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_ERROR, "identity file %s: %s", path, e->text);
}

static void load_file(struct client *c, struct identities *l, const char *name, bool given)
{
	struct err e = {0};
	struct identity id = {.path = config_path(c, "IdentityFile", name, &e), .given = given, .blob = BUF_INIT(KEYFILE_MAX)};
	bool may_be_cert = id.path && strlen(id.path) > 4 && strcmp(id.path + strlen(id.path) - 4, ".pub") == 0;
	struct cert *cert = may_be_cert ? certfile_read(id.path, &(struct err){0}) : NULL;
	char *path = mem_str(id.path ? id.path : name);
	if (cert) {                                         /* -i with the certificate itself */
		take_cert(l, cert, path, given, true);
		drop(&id);
	} else if (id.path == NULL || !read_identity_file(&id, &e)) {
		say_missing(path, given, &e);
		drop(&id);
	} else {
		key_blob(id.public, &id.blob);
		log_debug("identity file %s type %s", path, key_type(id.public));
		LIST_PUSH(l->at, l->n, id);
	}
	if (cert == NULL)
		load_beside(c, l, path, given);
	mem_free(path);
}

/* PKCS11Provider: what it shows without a PIN. It counts as named. */
static void load_token(struct client *c, struct identities *l)
{
	struct token_item *items;
	struct err e = {0};
	size_t n;
	const char *library = c->conf.pkcs11_provider;
	if (library == NULL || strcmp(library, "none") == 0)
		return;
	if (!token_load(&l->token, library, slice_of(NULL, 0), &items, &n, &e)) {
		log_error("%s", e.text);
		return;
	}
	l->has_token = true;
	for (size_t i = 0; i < n; i++) {
		struct key *key = key_from_blob(items[i].blob, &e);
		if (key == NULL)
			continue;
		struct identity *id = add(l);
		id->path = mem_str(library);
		id->comment = mem_str(text_show(items[i].label));
		id->public = key;
		id->in_token = id->given = id->no_key_file = true;
		put_bytes(&id->blob, items[i].blob);
	}
	mem_free(items);
}

static void load_files(struct client *c, struct identities *l)
{
	const struct conf_list *keys = &c->conf.identity_file, *certs = &c->conf.certificate_file;
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(keys->v[i], "none") != 0)
			load_file(c, l, keys->v[i], SSH_GIVEN(&c->conf, identity_file));
	for (size_t i = 0; i < certs->n; i++) {
		struct err e = {0};
		char *path = config_path(c, "CertificateFile", certs->v[i], &e);
		struct cert *cert = path ? certfile_read(path, &e) : NULL;
		struct identity *id = cert ? take_cert(l, cert, path, true, true) : NULL;
		if (id)
			id->listed = true;
		else if (cert == NULL)
			log_at(e.code == ERR_MISSING ? LOG_LEVEL_DEBUG1 : LOG_LEVEL_ERROR, "certificate file %s: %s", certs->v[i], e.text);
		mem_free(path);
	}
}

static void add_agent_key(struct client *c, struct identities *l, const struct agent_key *k, size_t at)
{
	struct err e;
	struct identity *known = identity_find(l, k->blob);
	if (known) {
		known->in_agent = true;
		known->agent_at = at;
		return;
	}
	if (c->conf.identities_only)
		return;
	struct cert *cert = NULL;
	struct key *key = key_from_any(k->blob, &cert, &e);
	if (key == NULL) {
		log_debug("agent key passed over: %s", e.text);
		return;
	}
	struct identity *id = add(l);
	id->public = key;
	id->cert = cert;
	id->in_agent = true;
	id->agent_at = at;
	id->comment = mem_str(text_show(k->comment));
	put_bytes(&id->blob, k->blob);
}

static int group(const struct identity *id)
{
	return id->listed ? 0 : id->in_agent ? 1 : 2;
}

static bool before(const struct identity *a, const struct identity *b)
{
	if (group(a) != group(b) || group(a) != 1)
		return group(a) < group(b);
	if ((a->path == NULL) != (b->path == NULL))
		return a->path != NULL;
	return a->agent_at < b->agent_at;
}

static bool has_option(struct slice list, const char *wanted)
{
	struct reader r = reader_of(list);
	struct slice name, data;
	while (cert_next_option(&r, &name, &data))
		if (slice_eq_str(name, wanted))
			return true;
	return false;
}

/* What asks nothing of a human first. */
static int trouble(const struct identity *id)
{
	bool sk = key_kind(id->public)->sk;
	if (id->cert == NULL)
		return 3;
	if (sk && has_option(id->cert->critical, "verify-required"))
		return 2;
	return sk && has_option(id->cert->extensions, "no-touch-required") ? 0 : 1;
}

static void insert(struct identities *l, bool (*is_before)(const struct identity *, const struct identity *), bool all)
{
	for (size_t i = 1; i < l->n; i++) {
		struct identity id = l->at[i];
		size_t hole = i;
		if (!all && id.given)
			continue;
		for (size_t k = i; k > 0; k--) {
			if (!all && l->at[k - 1].given)
				continue;                   /* what was named keeps its place */
			if (!is_before(&id, &l->at[k - 1]))
				break;
			l->at[hole] = l->at[k - 1];
			hole = k - 1;
		}
		l->at[hole] = id;
	}
}

static bool less_trouble(const struct identity *a, const struct identity *b)
{
	return group(a) == group(b) && trouble(a) < trouble(b);
}

/* Stable: what the agent has stands in its order, files in that of the configuration. */
static void sort(struct identities *l)
{
	insert(l, before, true);
	insert(l, less_trouble, false);
}

void identities_load(struct client *c, struct identities *l)
{
	struct agent_key *keys = NULL;
	size_t n = 0;
	struct err e;
	*l = (struct identities){.agent.fd = -1};
	crypto_lock_keys();
	load_token(c, l);
	load_files(c, l);
	open_agent(c, l);
	if (l->has_agent && !agentio_list(&l->agent, &keys, &n, &e))
		log_debug("%s", e.text);
	for (size_t i = 0; i < n; i++)
		add_agent_key(c, l, &keys[i], i);
	mem_free(keys);
	sort(l);
}

void identities_clear(struct identities *l)
{
	for (size_t i = 0; i < l->n; i++)
		drop(&l->at[i]);
	mem_free(l->at);
	agentio_close(&l->agent);
	if (l->has_token)
		token_end(&l->token);
	l->has_token = false;
}

struct identity *identity_find(struct identities *l, struct slice blob)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_eq(buf_slice(&l->at[i].blob), blob))
			return &l->at[i];
	return NULL;
}

/* The server's list counts for RSA, which may sign in several ways; other keys have one, which the list may have forgotten. */
const struct key_alg *identity_alg(struct client *c, const struct identity *id)
{
	struct slice ours = slice_str(c->conf.pubkey_accepted_algorithms), theirs = ssh_peer_sig_algs(c->ssh), name;
	bool rsa = strcmp(key_type(id->public), "ssh-rsa") == 0;
	const char *type = id->cert ? key_kind(id->public)->cert : key_type(id->public);
	if (rsa && key_bits(id->public) < (unsigned)c->conf.required_rsa_size)
		return NULL;
	while (names_next(&ours, &name)) {
		const struct key_alg *alg = key_alg_find(name);
		if (alg && strcmp(alg->type, type) == 0 && (!rsa || theirs.n == 0 || names_has_str(theirs, key_alg_plain(alg)->name)))
			return alg;
	}
	return NULL;
}

struct identity *identity_signer(struct identities *l, struct identity *id)
{
	struct identity *other = NULL;
	if (id->cert == NULL || id->in_agent)
		return id;
	for (size_t i = 0; i < l->n; i++) {
		struct identity *k = &l->at[i];
		if (k->cert == NULL && key_equal(k->public, id->public) && (other == NULL || k->private || k->in_agent || k->in_token))
			other = k;
	}
	return other ? other : id;
}

void identity_put(const struct identity *id, struct buf *out)
{
	struct buf print = BUF_INIT(200), blob = BUF_INIT(KEYFILE_MAX);
	key_blob(id->public, &blob);
	key_fingerprint(buf_slice(&blob), &hash_sha256, &print);
	put_fmt(out, "%s %s%s %s%s%s%s", id->path ? id->path : id->comment, key_word(id->public), id->cert ? "-CERT" : "", buf_cstr(&print),
		id->given ? " explicit" : "", id->in_token ? " token" : "", id->in_agent ? " agent" : "");
	buf_clear(&print);
	buf_clear(&blob);
}

static struct key *unlock(struct client *c, struct identity *id, struct err *e)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX), pass = BUF_INIT_SECRET(1024), comment = BUF_INIT(KEYFILE_MAX);
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
		key = keyfile_read(buf_slice(&text), buf_slice(&pass), &comment, e);
		if (key == NULL && e->code != ERR_PASSPHRASE)
			break;
	}
	take_comment(id, &comment);
	buf_clear(&text);
	buf_clear(&pass);
	mem_free(prompt);
	return key;
}

static bool sign_by_agent(struct identities *l, const struct identity *id, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *e)
{
	const char *name = key_alg_plain(alg)->name;
	uint32_t flags = strcmp(name, "rsa-sha2-512") == 0 ? AGENT_SIGN_RSA_SHA2_512 : strcmp(name, "rsa-sha2-256") == 0 ? AGENT_SIGN_RSA_SHA2_256 : 0;
	return agentio_sign(&l->agent, buf_slice(&id->blob), data, flags, sig, e);
}

bool identity_sign(struct client *c, struct identities *l, struct identity *id, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *e)
{
	struct identity *signer = identity_signer(l, id);
	if (signer != id)
		log_debug("using private key \"%s\"%s for certificate", signer->path ? signer->path : signer->comment, signer->in_agent ? " from agent" : "");
	if (signer->in_agent && signer->private == NULL) {
		if (sign_by_agent(l, signer, alg, data, sig, e))
			return true;
		if (!signer->in_token && (signer->path == NULL || signer->no_key_file))
			return false;
		log_debug("%s; trying %s", e->text, signer->path);
		buf_reset(sig);
	}
	if (signer->in_token)
		return token_make_signature(&l->token, buf_slice(&signer->blob), alg, data, c->conf.batch_mode, sig, e);
	if (signer->private == NULL && signer->path && !signer->no_key_file)
		signer->private = unlock(c, signer, e);
	if (signer->private == NULL)
		return e->code ? false : err_set(e, ERR_MISSING, "no private key for %s", id->path ? id->path : "this key");
	struct sk_user user = {sk_provider_of(c->conf.security_key_provider), signer->path, hash_find(slice_str(conf_hash_name(c->conf.fingerprint_hash))),
		c->conf.batch_mode};
	return sk_sign(signer->private, alg, &user, data, sig, e);
}

void identities_show(struct client *c, struct buf *out)
{
	struct identities l;
	struct buf line = BUF_INIT(KEYFILE_MAX);
	identities_load(c, &l);
	for (size_t i = 0; i < l.n; i++) {
		buf_reset(&line);
		identity_put(&l.at[i], &line);
		put_text(out, buf_slice(&line), KEYFILE_MAX, 0);
		put_str(out, "\n");
	}
	identities_clear(&l);
	buf_clear(&line);
}
