#include "client/hostbased.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "client/certfile.h"
#include "client/helper.h"
#include "key/keyfile.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/sock.h"

enum { KEYSIGN_VERSION = 2, KEYSIGN_FD = 3, MESSAGE_MAX = 256 << 10, WAIT_MS = 60000, BLOB_MAX = 64 << 10 };

struct host_key { struct buf blob; char *type; bool tried; };
struct hostbased {
	struct client *c;
	struct host_key *at;
	size_t n;
	struct slice left;                                  /* of HostbasedAcceptedAlgorithms */
	char host[SOCK_NAME_MAX + 1];
};

static void add(struct hostbased *h, struct slice blob)
{
	struct host_key k = {.blob = BUF_INIT(BLOB_MAX)};
	struct reader r = reader_of(blob);
	k.type = slice_dup(get_string(&r));
	put_bytes(&k.blob, blob);
	LIST_PUSH(h->at, h->n, k);
}

/* The public halves are enough to know what to ask for. */
static void add_file(struct hostbased *h, const char *name)
{
	char *path = mem_fmt(PATH_ETC "/ssh_host_%s_key", name), *public = mem_fmt("%s.pub", path);
	struct file_policy policy = {FILE_FOLLOW, 0, KEYFILE_MAX};
	struct buf text = BUF_INIT(KEYFILE_MAX), blob = BUF_INIT(BLOB_MAX);
	struct err e;
	struct cert *cert = certfile_beside(path, NULL, &e);
	if (cert)
		add(h, buf_slice(&cert->blob));
	cert_free(cert);
	struct key *key = file_read(public, &policy, &text, &e) ? keyfile_read_public(buf_slice(&text), NULL, &e) : NULL;
	if (key) {
		key_blob(key, &blob);
		add(h, buf_slice(&blob));
	} else if (e.code != ERR_MISSING) {
		log_debug("%s", e.text);
	}
	key_free(key);
	buf_clear(&text);
	buf_clear(&blob);
	mem_free(path);
	mem_free(public);
}

struct hostbased *hostbased_new(struct client *c)
{
	static const char *const names[] = {"ecdsa", "ed25519", "rsa", "mldsa44_ed25519"};
	struct hostbased *h = mem_new(sizeof *h);
	*h = (struct hostbased){.c = c, .left = slice_str(c->conf.hostbased_accepted_algorithms)};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		add_file(h, names[i]);
	if (!sock_local_name(c->in, h->host))
		h->n = 0;
	snprintf(h->host + strlen(h->host), 2, ".");        /* RFC 4252, 9: an FQDN, which OpenSSH ends with its root */
	log_debug("hostbased: %zu keys of this host, which is called %s", h->n, h->host);
	return h;
}

void hostbased_free(struct hostbased *h)
{
	if (h == NULL)
		return;
	for (size_t i = 0; i < h->n; i++) {
		buf_clear(&h->at[i].blob);
		mem_free(h->at[i].type);
	}
	mem_free(h->at);
	mem_free(h);
}

bool hostbased_next(struct hostbased *h, struct answer_credential *out)
{
	struct slice name;
	while (names_next(&h->left, &name)) {
		const struct key_alg *alg = key_alg_find(name);
		for (size_t i = 0; alg && i < h->n; i++) {
			struct host_key *k = &h->at[i];
			if (k->tried || strcmp(k->type, alg->type) != 0)
				continue;
			k->tried = true;
			out->kind = CREDENTIAL_HOSTBASED;
			out->algorithm = slice_str(alg->name);
			out->blob = buf_slice(&k->blob);
			out->client_host = slice_str(h->host);
			out->client_user = slice_str(h->c->local_user);
			log_debug("hostbased: trying the %s key of this host", alg->name);
			return true;
		}
	}
	log_debug("No more client hostkeys for hostbased authentication.");
	return false;
}

/* uint32 length, byte version, then the body: both ways. */
static bool ask_helper(int to, int from, struct slice data, struct buf *sig, struct err *e)
{
	struct buf out = BUF_INIT(MESSAGE_MAX), in = BUF_INIT(MESSAGE_MAX);
	uint8_t head[4];
	put_u32(&out, (uint32_t)(1 + 4 + 4 + data.n));
	put_u8(&out, KEYSIGN_VERSION);
	put_u32(&out, KEYSIGN_FD);
	put_string(&out, data);
	bool ok = fd_write_all(to, buf_slice(&out), WAIT_MS, e) && fd_read_exact(from, (struct room){head, sizeof head}, WAIT_MS, e);
	size_t n = ok ? load_u32(head) : 0;
	if (ok && (n == 0 || n > MESSAGE_MAX))
		ok = err_set(e, ERR_FORMAT, "ssh-keysign answers with %zu bytes", n);
	ok = ok && fd_read_exact(from, buf_room(&in, n), WAIT_MS, e);
	if (ok) {
		buf_add(&in, n);
		struct reader r = reader_of(buf_slice(&in));
		uint8_t version = get_u8(&r);
		struct slice found = get_string(&r);
		put_bytes(sig, found);
		ok = (version == KEYSIGN_VERSION && get_end(&r)) || err_set(e, ERR_FORMAT, "ssh-keysign answers in a way that we do not know");
	}
	buf_clear(&out);
	buf_clear(&in);
	return ok;
}

bool hostbased_sign(struct hostbased *h, struct slice data, struct buf *sig, struct err *e)
{
	int pair[2];
	char *path = helper_path("SSH_KEYSIGN", "ssh-keysign");
	const char *const argv[] = {path, NULL};
	struct proc_exit end;
	pid_t pid = -1;
	if (access(path, X_OK) != 0) {
		err_errno(e, "hostbased login needs %s", path);
	} else if (fd_pair(FD_PAIR_STREAM, pair, e)) {
		const struct fd_map map[] = {{pair[1], 0}, {pair[1], 1}, {h->c->in, KEYSIGN_FD}};
		struct proc_spawn spawn = {.path = path, .argv = argv, .fds = map, .nfds = 3};
		pid = proc_spawn(&spawn, NULL, e);
		close(pair[1]);
		if (pid <= 0)
			close(pair[0]);
	}
	bool ok = pid > 0 && ask_helper(pair[0], pair[0], data, sig, e);
	if (pid > 0) {
		close(pair[0]);
		proc_wait(pid, true, &end);
		if (!ok)
			err_prefix(e, "%s", path);
	}
	mem_free(path);
	return ok;
}
