#include "tools/add.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/agent_msg.h"
#include "agent/private.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/certfile.h"
#include "client/readpass.h"
#include "client/sk.h"
#include "key/keyfile.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "tools/keygen.h"

enum { EXPIRY_GRACE = 300, TEST_BYTES = 1024 };

static const char *const default_files[] = {"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_mldsa44_ed25519"};

/* The file's passphrase: none, the one before, then what the user types until it is right or empty. */
static struct key *open_key(struct add *a, const char *path, struct slice text, struct buf *comment, struct err *err)
{
	struct key *k = keyfile_read(text, slice_of(NULL, 0), comment, err);
	if (k == NULL && err->code == ERR_PASSPHRASE && a->last_pass.len)
		k = keyfile_read(text, buf_slice(&a->last_pass), comment, err);
	const char *form = "Enter passphrase for %s%s: ";
	while (k == NULL && err->code == ERR_PASSPHRASE) {
		char *prompt = mem_fmt(form, text_show(slice_str(path)), a->confirm ? " (will confirm each use)" : "");
		bool got = read_passphrase(prompt, READPASS_STDIN, &a->last_pass, err);
		mem_free(prompt);
		if (!got || a->last_pass.len == 0) {
			if (got)
				err_set(err, ERR_PASSPHRASE, "no passphrase given");
			return NULL;
		}
		k = keyfile_read(text, buf_slice(&a->last_pass), comment, err);
		form = "Bad passphrase, try again for %s%s: ";
	}
	return k;
}

static uint32_t lifetime_of(const struct add *a, const struct cert *cert)
{
	uint64_t now = (uint64_t)clock_wall();
	if (cert == NULL || a->keep_expired || cert->before == CERT_FOREVER)
		return a->lifetime;
	uint64_t left = (cert->before > now ? cert->before - now : 0) + EXPIRY_GRACE;
	if (left > INT32_MAX || (a->lifetime && a->lifetime < left))
		return a->lifetime;
	return (uint32_t)left;
}

static bool send_key(struct add *a, const struct key *k, const struct cert *cert, struct slice comment, struct err *err)
{
	struct buf message = BUF_INIT_SECRET(AGENT_MESSAGE_MAX);
	struct agent_limits limits = {lifetime_of(a, cert), a->confirm, buf_slice(&a->dest), key_kind(k)->sk ? a->sk_provider : NULL};
	agent_put_add(k, cert ? buf_slice(&cert->blob) : slice_of(NULL, 0), comment, &limits, &message);
	bool ok = message.bad ? err_set(err, ERR_LIMIT, "the key is too large for an agent") : agentio_do(&a->agent, buf_slice(&message), err);
	buf_clear(&message);
	return ok;
}

static void say(const struct add *a, const char *what, const char *path, struct slice comment)
{
	struct buf text = BUF_INIT(KEYFILE_MAX);
	if (a->quiet)
		return;
	put_fmt(&text, "%s: %s (", what, path);
	put_text(&text, comment, KEYFILE_COMMENT_MAX, 0);
	put_str(&text, ")\n");
	fwrite(text.p, 1, text.len, stderr);
	buf_clear(&text);
}

static bool add_cert(struct add *a, const struct key *k, const char *path, struct slice comment, struct err *err)
{
	struct err why = {0};
	struct cert *cert = certfile_beside(path, k, &why);
	bool ok = true;
	if (cert == NULL && why.code != ERR_MISSING)
		log_error("%s", why.text);
	if (cert == NULL && a->certs_only)
		ok = err_set(err, ERR_MISSING, "no certificate %s-cert.pub", path);
	else if (cert && (ok = send_key(a, k, cert, comment, err)))
		say(a, "Certificate added", path, cert->key_id);
	cert_free(cert);
	return ok;
}

static bool add_file(struct add *a, const char *path, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX), comment = BUF_INIT(KEYFILE_MAX);
	struct key *k = NULL;
	bool ok = keygen_read(path, true, &text, err);
	if (ok) {
		k = open_key(a, path, buf_slice(&text), &comment, err);
		ok = k != NULL || err_prefix(err, "Error loading key \"%s\"", path);
	}
	if (ok && comment.len == 0)
		put_str(&comment, path);
	if (ok && !a->certs_only && (ok = send_key(a, k, NULL, buf_slice(&comment), err)))
		say(a, "Identity added", path, buf_slice(&comment));
	if (ok && !a->plain_only)
		ok = add_cert(a, k, path, buf_slice(&comment), err);
	if (ok && a->lifetime && !a->quiet)
		fprintf(stderr, "Lifetime set to %u seconds\n", a->lifetime);
	if (ok && a->confirm && !a->quiet)
		fputs("The user must confirm each use of the key\n", stderr);
	key_free(k);
	buf_clear(&text);
	buf_clear(&comment);
	return ok;
}

static bool send_resident(struct add *a, const struct key *k, struct err *err)
{
	struct buf blob = BUF_INIT(CERT_MAX), text = BUF_INIT(200);
	bool ok = send_key(a, k, NULL, key_sk(k)->application, err);
	key_blob(k, &blob);
	key_fingerprint(buf_slice(&blob), a->fingerprint, &text);
	if (!ok)
		err_prefix(err, "Unable to add key %s %s", key_word(k), buf_cstr(&text));
	else if (!a->quiet)
		fprintf(stderr, "Resident identity added: %s %s\n", key_word(k), buf_cstr(&text));
	buf_clear(&blob);
	buf_clear(&text);
	return ok;
}

int add_resident(struct add *a)
{
	struct buf pin = BUF_INIT_SECRET(SK_PIN_MAX);
	struct sk_resident *list = NULL;
	struct err err = {0};
	size_t n = 0, added = 0;
	bool ok = read_passphrase("Enter PIN for authenticator: ", READPASS_STDIN, &pin, &err)
	       && (sk_resident_load(a->sk_provider, NULL, buf_slice(&pin), &list, &n, &err) || err_prefix(&err, "Unable to load resident keys"));
	buf_clear(&pin);
	if (ok && n == 0)
		ok = err_set(&err, ERR_MISSING, "the security key keeps no keys of SSH");
	for (size_t i = 0; ok && i < n; i++) {
		bool sent = send_resident(a, list[i].key, &err);
		added += sent;
		if (!sent)
			add_fail(a, &err);
	}
	sk_resident_free(list, n);
	return !ok ? add_fail(a, &err) : added ? ADD_OK : ADD_FAILED;
}

static bool remove_blob(struct add *a, struct slice blob, struct err *err)
{
	struct buf message = BUF_INIT(AGENT_MESSAGE_MAX);
	struct agent_string m = {blob};
	msg_encode(agent_msg_row(AGENT_REMOVE_IDENTITY), &m, &message);
	bool ok = agentio_do(&a->agent, buf_slice(&message), err);
	buf_clear(&message);
	return ok;
}

static bool remove_file(struct add *a, const char *path, struct err *err)
{
	struct buf comment = BUF_INIT(KEYFILE_MAX), blob = BUF_INIT(CERT_MAX);
	struct key *k = keygen_load_public(path, &comment, err);
	struct cert *cert = k && !a->plain_only && strcmp(path, "-") != 0 ? certfile_beside(path, k, &(struct err){0}) : NULL;
	bool ok = k != NULL;
	if (ok)
		key_blob(k, &blob);
	if (ok && !a->certs_only && (ok = remove_blob(a, buf_slice(&blob), err) || err_prefix(err, "Could not remove identity \"%s\"", path)))
		say(a, "Identity removed", path, buf_slice(&comment));
	if (ok && cert && (ok = remove_blob(a, buf_slice(&cert->blob), err) || err_prefix(err, "Could not remove the certificate of \"%s\"", path)))
		say(a, "Certificate removed", path, cert->key_id);
	cert_free(cert);
	key_free(k);
	buf_clear(&comment);
	buf_clear(&blob);
	return ok;
}

static bool do_file(struct add *a, const char *path, struct err *err)
{
	return a->remove ? remove_file(a, path, err) : add_file(a, path, err);
}

int add_files(struct add *a, char **paths)
{
	struct err err = {0};
	int status = ADD_OK;
	size_t found = 0;
	if (paths[0] == NULL) {
		for (size_t i = 0; i < ARRAY_LEN(default_files); i++) {
			char *path = mem_fmt("%s/.ssh/%s", file_home(), default_files[i]);
			if (file_exists(path)) {
				err = (struct err){0};
				if (do_file(a, path, &err))
					found++;
				else
					add_fail(a, &err);
			}
			mem_free(path);
		}
		return found ? ADD_OK : ADD_FAILED;
	}
	for (; *paths; paths++) {
		err = (struct err){0};
		if (!do_file(a, *paths, &err))
			status = add_fail(a, &err);
	}
	return status;
}

static void put_entry(const struct add *a, const struct agent_key *at, bool whole, struct buf *out)
{
	struct reader r = reader_of(at->blob);
	struct slice type = get_string(&r);
	const struct key_kind *certified = cert_kind_find(type);
	struct cert *cert = certified ? cert_from_blob(at->blob, NULL) : NULL;
	struct key *key = certified ? NULL : key_from_blob(at->blob, NULL);
	const struct key *k = cert ? cert->key : key;
	if (whole) {
		put_text(out, type, 256, 0);
		put_str(out, " ");
		put_base64(out, at->blob);
		put_str(out, " ");
	} else {
		struct buf inner = BUF_INIT(CERT_MAX);
		put_fmt(out, "%u ", k ? key_bits(k) : 0);
		if (cert)
			key_blob(k, &inner);
		key_fingerprint(cert ? buf_slice(&inner) : at->blob, a->fingerprint, out);
		put_str(out, " ");
		buf_clear(&inner);
	}
	put_text(out, at->comment, KEYFILE_COMMENT_MAX, 0);
	if (!whole && k)
		put_fmt(out, " (%s%s)", key_word(k), cert ? "-CERT" : "");
	else if (!whole)
		put_str(out, " (unknown)");
	put_str(out, "\n");
	cert_free(cert);
	key_free(key);
}

int add_list(struct add *a, bool whole)
{
	struct agent_key *keys;
	struct err err = {0};
	size_t n;
	if (!agentio_list(&a->agent, &keys, &n, &err))
		return add_fail(a, &err);
	for (size_t i = 0; i < n; i++) {
		struct buf line = BUF_INIT(2 * AGENT_MESSAGE_MAX);
		put_entry(a, &keys[i], whole, &line);
		fwrite(line.p, 1, line.len, stdout);
		buf_clear(&line);
	}
	if (n == 0)
		puts("The agent has no identities.");
	mem_free(keys);
	return n ? ADD_OK : ADD_FAILED;
}

static bool test_key(struct add *a, const char *path, struct err *err)
{
	uint8_t data[TEST_BYTES];
	struct buf comment = BUF_INIT(KEYFILE_MAX), blob = BUF_INIT(CERT_MAX), sig = BUF_INIT(AGENT_MESSAGE_MAX);
	struct key *k = keygen_load_public(path, &comment, err);
	bool ok = k != NULL, rsa = ok && pk_kind(key_pk(k)) == PK_RSA;
	random_bytes(data, sizeof data);
	if (ok) {
		key_blob(k, &blob);
		ok = agentio_sign(&a->agent, buf_slice(&blob), slice_of(data, sizeof data), rsa ? AGENT_SIGN_RSA_SHA2_256 : 0, &sig, err)
		    || err_prefix(err, "Agent signature failed for %s", path);
	}
	const struct key_alg *alg = ok ? key_alg_find(slice_str(rsa ? "rsa-sha2-256" : key_type(k))) : NULL;
	struct sk_flags unused;
	if (ok && key_verify_sk(k, alg, slice_of(data, sizeof data), buf_slice(&sig), &unused) != VERDICT_VERIFIED)
		ok = err_set(err, ERR_PEER, "the agent's signature for %s is wrong", path);
	key_free(k);
	buf_clear(&comment);
	buf_clear(&blob);
	buf_clear(&sig);
	return ok;
}

int add_test(struct add *a, char **paths)
{
	int status = ADD_OK;
	for (; *paths; paths++) {
		struct err err = {0};
		if (!test_key(a, *paths, &err))
			status = add_fail(a, &err);
	}
	return status;
}
