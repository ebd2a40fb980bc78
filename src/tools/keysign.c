#include "tools/keysign.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/ssh_load.h"
#include "key/cert.h"
#include "key/hostsign.h"
#include "key/keyfile.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/sock.h"

enum { VERSION = 2, MESSAGE_MAX = 256 << 10, KEYS = 4, WAIT_MS = 60000 };

static const char *const names[KEYS] = {"ecdsa", "ed25519", "rsa", "mldsa44_ed25519"};
struct keysign { int fd[KEYS]; char *path[KEYS]; struct key *key[KEYS]; struct account *me; };

static int fail(const struct err *e)
{
	fprintf(stderr, "ssh-keysign: %s\n", e->text);
	return 255;
}

/* The only thing that root is needed for. */
static bool open_keys(struct keysign *k, struct err *e)
{
	struct file_policy policy = {FILE_FOLLOW | FILE_OWNED | FILE_NO_OTHERS, 0, KEYFILE_MAX};
	size_t found = 0;
	for (size_t i = 0; i < KEYS; i++) {
		k->path[i] = mem_fmt(PATH_ETC "/ssh_host_%s_key", names[i]);
		k->fd[i] = file_open(k->path[i], &policy, e);
		found += k->fd[i] >= 0;
	}
	return found > 0;
}

/* For good: who called us gets nothing but the signature. */
static bool drop_rights(struct err *e)
{
	uid_t uid = getuid();
	gid_t gid = getgid();
	if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
		return err_errno(e, "cannot give up the rights of root");
	if (uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
		return err_set(e, ERR_DENIED, "the rights of root do not go away");
	proc_not_dumpable();
	proc_no_core();
	return true;
}

static void include(struct ssh_load *l, const char *wanted)
{
	char *pattern = wanted[0] == '/' ? mem_str(wanted) : mem_fmt(PATH_ETC "/%s", wanted);
	struct file_policy policy = {FILE_FOLLOW, 0, CONF_TEXT_MAX};
	struct file_list files = {0};
	struct err e;
	for (size_t i = file_glob(pattern, &files, &e) ? files.n : 0; i > 0; i--) {
		const char *name = files.at[files.n - i];
		struct buf text = BUF_INIT(CONF_TEXT_MAX);
		if (file_read(name, &policy, &text, &e))
			ssh_load_include(l, name, buf_slice(&text));
		buf_clear(&text);
	}
	file_list_clear(&files);
	mem_free(pattern);
}

/* EnableSSHKeysign in the system's file alone; no command of Match exec is run for it. */
static bool is_enabled(struct keysign *k, struct err *e)
{
	const struct ssh_load_ctx ctx = {.host = "", .session_type = "exec", .local_user = k->me->name, .version = SSH_RELEASE};
	struct file_policy policy = {FILE_FOLLOW, 0, CONF_TEXT_MAX};
	struct buf text = BUF_INIT(CONF_TEXT_MAX);
	struct ssh_load *l = ssh_load_new(&ctx, NULL);
	struct ssh_conf conf;
	struct conf_ask ask;
	enum conf_step step = CONF_ERROR;
	bool ok = file_read(PATH_ETC "/ssh_config", &policy, &text, e);
	if (ok)
		ssh_load_text(l, PATH_ETC "/ssh_config", buf_slice(&text), false);
	while (ok && (step = ssh_load_next(l, &ask)) != CONF_DONE) {
		if (step == CONF_INCLUDE)
			include(l, ask.text);
		else if (step == CONF_EXEC)
			ssh_load_exec(l, false);
	}
	ok = ok && (!ssh_load_failed(l) || err_set(e, ERR_FORMAT, PATH_ETC "/ssh_config has errors; look at them with ssh -G"));
	ssh_load_finish(l, &conf);
	if (ok && !conf.enable_ssh_keysign)
		ok = err_set(e, ERR_DENIED, "ssh-keysign not enabled in " PATH_ETC "/ssh_config; EnableSSHKeysign yes allows it");
	ssh_conf_clear(&conf);
	ssh_load_free(l);
	buf_clear(&text);
	return ok;
}

static bool read_keys(struct keysign *k, struct err *e)
{
	size_t found = 0;
	for (size_t i = 0; i < KEYS; i++) {
		struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
		if (k->fd[i] >= 0 && file_read_fd(k->fd[i], k->path[i], KEYFILE_MAX, &text, e))
			k->key[i] = keyfile_read(buf_slice(&text), slice_of(NULL, 0), NULL, e);
		found += k->key[i] != NULL;
		fd_close(&k->fd[i]);
		buf_clear(&text);
	}
	return found > 0;
}

static bool read_request(struct buf *in, int *fd, struct slice *data, struct err *e)
{
	uint8_t head[4];
	if (!fd_read_exact(STDIN_FILENO, (struct room){head, sizeof head}, WAIT_MS, e))
		return false;
	size_t n = load_u32(head);
	if (n == 0 || n > MESSAGE_MAX)
		return err_set(e, ERR_FORMAT, "the request is of no length that is possible");
	if (!fd_read_exact(STDIN_FILENO, buf_room(in, n), WAIT_MS, e))
		return false;
	buf_add(in, n);
	struct reader r = reader_of(buf_slice(in));
	uint8_t version = get_u8(&r);
	uint32_t number = get_u32(&r);
	*data = get_string(&r);
	*fd = (int)number;
	if (version != VERSION)
		return err_set(e, ERR_FORMAT, "the request has version %u, not %d", version, VERSION);
	if (!get_end(&r) || number <= STDERR_FILENO || number > 1 << 20)
		return err_set(e, ERR_FORMAT, "the request is malformed");
	return true;
}

static bool sign(struct keysign *k, struct slice data, int fd, struct buf *sig, struct err *e)
{
	char host[SOCK_NAME_MAX];
	struct slice blob;
	if (!sock_local_name(fd, host))
		return err_set(e, ERR_MISSING, "this host has no name");
	const struct key_alg *alg = hostsign_check(data, host, k->me->name, &blob, e);
	struct key *wanted = alg ? key_from_any(blob, NULL, e) : NULL;
	bool ok = false, found = false;
	for (size_t i = 0; wanted && !found && i < KEYS; i++) {
		found = k->key[i] && key_equal(k->key[i], wanted);
		ok = found && key_sign(k->key[i], alg, data, sig, e);
	}
	if (wanted && !found)
		err_set(e, ERR_MISSING, "no matching hostkey found for the %s key of the request", key_word(wanted));
	key_free(wanted);
	return ok;
}

static bool answer(struct keysign *k, struct err *e)
{
	struct buf in = BUF_INIT(MESSAGE_MAX), sig = BUF_INIT(MESSAGE_MAX), out = BUF_INIT(MESSAGE_MAX + 16);
	struct slice data;
	int fd = -1;
	bool ok = read_request(&in, &fd, &data, e) && sign(k, data, fd, &sig, e);
	if (ok) {
		put_u32(&out, (uint32_t)(1 + 4 + sig.len));
		put_u8(&out, VERSION);
		put_string(&out, buf_slice(&sig));
		ok = fd_write_all(STDOUT_FILENO, buf_slice(&out), WAIT_MS, e);
	}
	buf_clear(&in);
	buf_clear(&sig);
	buf_clear(&out);
	return ok;
}

int keysign_main(void)
{
	struct keysign k = {0};
	struct err e = {0}, dropped = {0};
	bool ok = open_keys(&k, &e);
	if (!drop_rights(&dropped))
		return fail(&dropped);
	k.me = account_find_uid(getuid(), ok ? &e : &dropped);
	ok = ok && k.me && is_enabled(&k, &e) && read_keys(&k, &e) && answer(&k, &e);
	for (size_t i = 0; i < KEYS; i++) {
		key_free(k.key[i]);
		mem_free(k.path[i]);
	}
	account_free(k.me);
	return ok ? 0 : fail(&e);
}
