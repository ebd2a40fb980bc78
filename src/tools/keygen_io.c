#include "tools/keygen.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "key/authkeys.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/files.h"

int keygen_fail(const struct keygen *k, const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", k->program, err->text);
	return KEYGEN_FAILED;
}

char *keygen_add(const char *path, const char *suffix)
{
	return mem_fmt("%s%s", path, suffix);
}

bool keygen_ask_line(const char *prompt, struct buf *out)
{
	int c;
	fputs(prompt, stdout);
	fflush(stdout);
	buf_reset(out);
	while ((c = getchar()) != EOF && c != '\n')
		put_u8(out, (uint8_t)c);
	return c != EOF || out->len;
}

char *keygen_ask_file(const struct keygen *k, const char *family, const char *question)
{
	if (k->file)
		return mem_str(k->file);
	char *preset = mem_fmt("%s/.ssh/id_%s", file_home(), family), *dash = strchr(strrchr(preset, '/'), '-');
	if (dash)
		*dash = '_';                            /* id_ed25519_sk */
	char *prompt = mem_fmt("%s (%s): ", question, preset);
	struct buf line = BUF_INIT(4096);
	bool ok = keygen_ask_line(prompt, &line) && !line.bad && !slice_has_nul(buf_slice(&line));
	char *path = !ok ? NULL : mem_str(line.len ? buf_cstr(&line) : preset);
	buf_clear(&line);
	mem_free(prompt);
	mem_free(preset);
	return path;
}

/* Access by others is judged for our own files only: a key of another user is his matter. */
static bool judge_mode(int fd, const char *path, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "%s", path);
	if (st.st_uid != getuid() || (st.st_mode & 077) == 0)
		return true;
	fflush(stdout);
	fprintf(stderr, "WARNING: UNPROTECTED PRIVATE KEY FILE!\nPermissions 0%o for '%s' are too open; run: chmod 600 on it, or make a new key if others could read it.\n",
	    (unsigned)(st.st_mode & 0777), path);
	return err_set(err, ERR_DENIED, "%s: bad permissions", path);
}

static bool is_stdin(const char *path)
{
	return strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0;
}

bool keygen_read(const char *path, bool private, struct buf *out, struct err *err)
{
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = out->max};
	if (is_stdin(path))
		return fd_read_to_end(STDIN_FILENO, out, -1, err);
	int fd = file_open(path, &policy, err);
	bool ok = fd >= 0 && (!private || judge_mode(fd, path, err)) && file_read_fd(fd, path, policy.max, out, err);
	fd_close(&fd);
	return ok;
}

static struct key *with_passphrase(struct slice text, const char *pass, const char *prompt, struct buf *comment, struct buf *used, struct err *err)
{
	struct buf typed = BUF_INIT_SECRET(PASSPHRASE_MAX);
	if (pass)
		put_str(&typed, pass);
	else if (!read_passphrase(prompt, READPASS_STDIN, &typed, err))
		return NULL;
	struct key *k = keyfile_read(text, buf_slice(&typed), comment, err);
	if (k == NULL && err->code == ERR_PASSPHRASE)
		err_set(err, ERR_PASSPHRASE, "incorrect passphrase supplied to decrypt private key");
	if (k && used)
		put_bytes(used, buf_slice(&typed));
	buf_clear(&typed);
	return k;
}

struct key *keygen_load(const char *path, const char *pass, const char *prompt, struct buf *comment, struct buf *used, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct key *k = NULL;
	struct slice none = slice_of(NULL, 0);
	if (keygen_read(path, true, &text, err)) {
		k = keyfile_read(buf_slice(&text), none, comment, err);
		if (k == NULL && err->code == ERR_PASSPHRASE)
			k = with_passphrase(buf_slice(&text), pass, prompt, comment, used, err);
		if (k == NULL)
			err_prefix(err, "Load key \"%s\"", path);
	}
	buf_clear(&text);
	return k;
}

struct key *keygen_load_public(const char *path, struct buf *comment, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct key *k = NULL;
	char *beside = keygen_add(path, ".pub");
	if (keygen_read(path, false, &text, err))
		k = keyfile_read_public(buf_slice(&text), comment, err);
	buf_reset(&text);
	if (k == NULL && keygen_read(beside, false, &text, NULL))
		k = keyfile_read_public(buf_slice(&text), comment, err);
	if (k == NULL)
		err_prefix(err, "load pubkey \"%s\"", path);
	buf_clear(&text);
	mem_free(beside);
	return k;
}

bool keygen_new_passphrase(const char *prompt, struct buf *out, struct err *err)
{
	struct buf again = BUF_INIT_SECRET(PASSPHRASE_MAX);
	bool ok = read_passphrase(prompt, READPASS_STDIN, out, err) && read_passphrase("Enter same passphrase again: ", READPASS_STDIN, &again, err);
	if (ok && !slice_eq_secret(buf_slice(out), buf_slice(&again)))
		ok = err_set(err, ERR_PASSPHRASE, "Passphrases do not match.  Try again.");
	buf_clear(&again);
	return ok;
}

bool keygen_save(const struct keygen *o, const struct key *k, const char *path, struct slice pass, struct slice comment, struct err *err)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct keyfile_style style = {o->format, pass, slice_str(o->cipher), o->rounds, comment};
	if (style.format == KEYFILE_PEM && pk_kind(key_pk(k)) == PK_ED25519)
		style.format = KEYFILE_OPENSSH;         /* there is no such PEM; OpenSSH does the same */
	bool ok = keyfile_write(k, &style, &text, err) && file_write(path, buf_slice(&text), 0600, err);
	buf_clear(&text);
	return ok || err_prefix(err, "Saving key \"%s\" failed", path);
}

bool keygen_save_public(const struct key *k, const char *path, struct slice comment, struct err *err)
{
	struct buf line = BUF_INIT(KEYFILE_MAX);
	keyfile_write_line(k, comment, &line);
	bool ok = file_write(path, buf_slice(&line), 0644, err);
	buf_clear(&line);
	return ok;
}

/* Local time unless it ends in Z: the C library knows about summer time at that date. */
bool keygen_time(struct slice s, uint64_t *out)
{
	uint64_t as_utc;
	if (!authkeys_time(s, 0, &as_utc))
		return false;
	if (s.p[s.n - 1] < '0' || s.p[s.n - 1] > '9') {
		*out = as_utc;
		return true;
	}
	time_t t = (time_t)as_utc;
	struct tm tm;
	if (gmtime_r(&t, &tm) == NULL)
		return false;
	tm.tm_isdst = -1;
	t = mktime(&tm);
	*out = (uint64_t)t;
	return t >= 0;
}

char *keygen_user_at_host(void)
{
	char host[256] = "";
	struct account *a = account_find_uid(getuid(), NULL);
	if (gethostname(host, sizeof host - 1) < 0)
		host[0] = 0;
	char *s = mem_fmt("%s@%s", a ? a->name : "user", host);
	account_free(a);
	return s;
}

void keygen_put_comment(struct buf *b, struct slice comment)
{
	put_text(b, comment, 4096, TEXT_ESCAPED);
}
