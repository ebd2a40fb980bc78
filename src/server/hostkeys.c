#include "server/hostkeys.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "drive/agentio.h"
#include "key/cert.h"
#include "key/keyfile.h"
#include "sys/files.h"

static struct key *load(const char *path, struct err *err)
{
	struct file_policy policy = {.flags = FILE_FOLLOW | FILE_OWNED | FILE_NO_OTHERS, .owner = geteuid(), .max = KEYFILE_MAX};
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct key *key = NULL;
	if (file_read(path, &policy, &text, err)) {
		key = keyfile_read(buf_slice(&text), (struct slice){0}, NULL, err);
		if (key == NULL)
			err_prefix(err, "%s", path);
	}
	buf_clear(&text);
	return key;
}

static struct key *read_public(const char *path)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = KEYFILE_MAX};
	struct buf text = BUF_INIT(KEYFILE_MAX);
	struct key *key = file_read(path, &policy, &text, NULL) ? keyfile_read_public(buf_slice(&text), NULL, NULL) : NULL;
	buf_clear(&text);
	return key;
}

/* The agent has the private half: HostKey names the public file, or the private one beside which it lies. */
static struct key *load_public(const char *path)
{
	struct key *key = read_public(path);
	if (key)
		return key;
	char *beside = mem_fmt("%s.pub", path);
	key = read_public(beside);
	mem_free(beside);
	return key;
}

static bool is_short(const struct sshd_conf *conf, const struct key *key)
{
	return strcmp(key_type(key), "ssh-rsa") == 0 && key_bits(key) < (unsigned)conf->required_rsa_size;
}

static void add(struct hostkeys *keys, struct key *take_key)
{
	struct hostkey *k = &keys->at[keys->n++];
	*k = (struct hostkey){.key = take_key, .blob = BUF_INIT(CERT_MAX), .cert = BUF_INIT(CERT_MAX)};
	key_blob(take_key, &k->blob);
}

/* A security key signs where its library is loaded, and that is not here: its agent must do it. */
static struct key *without_handle(struct key *take_key, bool agent, struct err *err)
{
	struct buf blob = BUF_INIT(KEYFILE_MAX);
	struct key *public = NULL;
	key_blob(take_key, &blob);
	if (agent)
		public = key_from_blob(buf_slice(&blob), err);
	else
		err_set(err, ERR_UNSUPPORTED, "a %s key signs for sshd only through an agent (HostKeyAgent)", key_word(take_key));
	key_free(take_key);
	buf_clear(&blob);
	return public;
}

static void load_key(const struct sshd_conf *conf, const char *path, struct hostkeys *keys)
{
	struct err err = {0};
	struct key *key = load(path, &err);
	if (key == NULL && keys->agent && (key = load_public(path)) != NULL)
		log_debug("will rely on agent for hostkey %s", path);
	if (key && key_kind(key)->sk && key_has_private(key)) {
		key = without_handle(key, keys->agent, &err);
		err_prefix(&err, "%s", path);
	}
	if (key && is_short(conf, key)) {
		log_error("Host key %s: Invalid key length", path);
		key_free(key);
	} else if (key) {
		add(keys, key);
	} else {
		log_at(SSHD_GIVEN(conf, host_key) ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG1, "Unable to load host key: %s", err.text);
	}
}

/* A certificate goes to its key; the last one for a key counts, as in OpenSSH. */
static void load_certificate(const char *path, struct hostkeys *keys)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = KEYFILE_MAX};
	struct buf text = BUF_INIT(KEYFILE_MAX);
	struct err err = {0};
	struct cert *cert = file_read(path, &policy, &text, &err) ? cert_from_line(slice_trim(buf_slice(&text)), NULL, &err) : NULL;
	struct hostkey *mine = NULL;
	for (size_t i = 0; cert && !mine && i < keys->n; i++)
		if (key_equal(keys->at[i].key, cert->key))
			mine = &keys->at[i];
	if (cert == NULL)
		log_error("Could not load host certificate \"%s\": %s", path, err.text);
	else if (cert->role != CERT_HOST)
		log_error("Could not load host certificate \"%s\": it is a user's", path);
	else if (mine == NULL)
		log_error("No matching private key for certificate: %s", path);
	if (mine && cert->role == CERT_HOST) {
		buf_reset(&mine->cert);
		put_bytes(&mine->cert, buf_slice(&cert->blob));
		log_debug("host certificate: %s for the %s key", path, key_word(mine->key));
	}
	cert_free(cert);
	buf_clear(&text);
}

/* A path, or the name of the variable that holds it. */
static char *agent_path(const char *configured)
{
	struct agentio agent;
	struct err err;
	const char *path = configured && strcmp(configured, "SSH_AUTH_SOCK") == 0 ? getenv("SSH_AUTH_SOCK") : configured;
	if (configured && path == NULL)
		log_error("Could not connect to agent \"%s\": the variable is not set", configured);
	if (path == NULL)
		return NULL;
	if (!agentio_open(&agent, path, &err)) {
		log_error("Could not connect to agent \"%s\": %s", path, err.text);
		return NULL;
	}
	agentio_close(&agent);
	return mem_str(path);
}

bool hostkeys_load(const struct sshd_conf *conf, struct hostkeys *keys)
{
	*keys = (struct hostkeys){.at = mem_list(conf->host_key.n, sizeof *keys->at), .agent = agent_path(conf->host_key_agent)};
	for (size_t i = 0; i < conf->host_key.n; i++)
		load_key(conf, conf->host_key.v[i], keys);
	for (size_t i = 0; i < conf->host_certificate.n; i++)
		load_certificate(conf->host_certificate.v[i], keys);
	return keys->n > 0;
}

void hostkeys_clear(struct hostkeys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		key_free(keys->at[i].key);
		buf_clear(&keys->at[i].blob);
		buf_clear(&keys->at[i].cert);
	}
	mem_free(keys->at);
	mem_free(keys->agent);
	*keys = (struct hostkeys){0};
}

const struct hostkey *hostkeys_find(const struct hostkeys *keys, struct slice blob)
{
	for (size_t i = 0; i < keys->n; i++)
		if (slice_eq(buf_slice(&keys->at[i].blob), blob) || (keys->at[i].cert.len && slice_eq(buf_slice(&keys->at[i].cert), blob)))
			return &keys->at[i];
	return NULL;
}

/* What the agent signed is checked: it may be another's process, and holds perhaps another key. */
static bool sign_by_agent(const char *path, const struct hostkey *k, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *err)
{
	struct agentio agent;
	const struct key_alg *plain = key_alg_plain(alg);
	uint32_t flags = plain->hash == &hash_sha512 ? AGENT_SIGN_RSA_SHA2_512 : plain->hash == &hash_sha256 ? AGENT_SIGN_RSA_SHA2_256 : 0;
	if (plain->kind != PK_RSA)
		flags = 0;
	bool ok = agentio_open(&agent, path, err);
	if (ok) {
		ok = agentio_sign(&agent, buf_slice(&k->blob), data, flags, sig, err);
		agentio_close(&agent);
	}
	struct sk_flags unused;                         /* nobody touches the security key of a host */
	if (ok && key_verify_sk(k->key, alg, data, buf_slice(sig), &unused) != VERDICT_VERIFIED)
		ok = err_set(err, ERR_PEER, "the agent at %s gave a wrong signature", path);
	return ok;
}

bool hostkeys_sign(const struct hostkeys *keys, const struct hostkey *k, const struct key_alg *alg, struct slice data, struct buf *sig, struct err *err)
{
	if (!key_has_private(k->key) && keys->agent)
		return sign_by_agent(keys->agent, k, alg, data, sig, err);
	return key_sign(k->key, alg, data, sig, err);
}

static bool serves(const struct hostkey *k, const struct key_alg *alg)
{
	struct reader r = reader_of(buf_slice(alg->plain ? &k->cert : &k->blob));
	return slice_eq_str(get_string(&r), alg->type);
}

char *hostkeys_algorithms(const struct hostkeys *keys, const char *configured)
{
	struct buf out = BUF_INIT(8192);
	struct slice list = slice_str(configured), name;
	while (names_next(&list, &name)) {
		const struct key_alg *alg = key_alg_find(name);
		for (size_t i = 0; alg && i < keys->n; i++)
			if (serves(&keys->at[i], alg)) {
				names_add_slice(&out, name);
				break;
			}
	}
	char *s = mem_str(buf_cstr(&out));
	buf_clear(&out);
	return s;
}

void hostkeys_put(const struct hostkeys *keys, struct buf *out)
{
	for (size_t i = 0; i < keys->n; i++)
		put_string(out, buf_slice(&keys->at[i].blob));
	for (size_t i = 0; i < keys->n; i++)
		if (keys->at[i].cert.len)
			put_string(out, buf_slice(&keys->at[i].cert));
}
