#include "sys/password.h"

#include <assert.h>
#include <crypt.h>
#include <shadow.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/fd.h"
#include "sys/process.h"
#include "sys/sandbox.h"

enum {
	CHILD_TIME_MS = 60000,                  /* the costliest setting that crypt_gensalt makes stays well below */
	CHILD_MEMORY = 1 << 30,
};

/* A stored hash that crypt can verify: not locked, not empty, not a word like "*". */
static bool usable(const char *hash)
{
	return hash && hash[0] && hash[0] != '!' && hash[0] != '*' && crypt_checksalt(hash) != CRYPT_SALT_INVALID
		&& strlen(hash) < CRYPT_OUTPUT_SIZE;
}

/* How much of a hash is its setting (crypt(5)): for most methods all up to the last '$'. */
static size_t setting_length(const char *hash)
{
	static const struct { const char *prefix; size_t n; } fixed[] = {
		{"$2a$", 29}, {"$2b$", 29}, {"$2x$", 29}, {"$2y$", 29}, {"_", 9},
	};
	size_t n = strlen(hash), keep = 2;
	const char *last = strrchr(hash, '$');
	if (hash[0] == '$' && last)
		keep = (size_t)(last - hash) + 1;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (strncmp(hash, fixed[i].prefix, strlen(fixed[i].prefix)) == 0)
			keep = fixed[i].n;
	return keep < n ? keep : n;
}

/* The longer a check takes, the higher, with the costs that are usual. crypt(5) lists the methods. */
static unsigned rank(const char *hash)
{
	static const char *const slower[] = {"$1$", "$md5", "$3$", "$5$", "$sha1", "$6$", "$2", "$7$", "$gy$", "$y$"};
	for (unsigned i = 0; i < ARRAY_LEN(slower); i++)
		if (strncmp(hash, slower[i], strlen(slower[i])) == 0)
			return i + 1;
	return 0;
}

bool password_costs_alike(const char *hash, const char *fake)
{
	return !usable(hash) || rank(hash) == rank(fake);
}

static void keep_costlier(char **kept, const char *hash)
{
	if (!usable(hash) || (*kept && rank(hash) <= rank(*kept)))
		return;
	if (*kept)
		mem_wipe(*kept, strlen(*kept));
	mem_free(*kept);
	*kept = mem_str(hash);
}

char *password_fake(const char *sample)
{
	char *fake = usable(sample) ? mem_str(sample) : NULL;
	if (fake == NULL) {
		setspent();
		for (const struct spwd *s; (s = getspent()) != NULL;)
			keep_costlier(&fake, s->sp_pwdp);
		endspent();
	}
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	if (fake == NULL && crypt_gensalt_rn(NULL, 0, NULL, 0, setting, sizeof setting))
		return mem_str(setting);
	if (fake == NULL)
		return mem_str("$6$rounds=5000$hawserhawser");
	/* Somebody's hash was only the model: what it computed to is not kept. */
	size_t keep = setting_length(fake);
	mem_wipe(fake + keep, strlen(fake + keep));
	return fake;
}

/* Runs in the child, behind the filter. The byte says whether the computed hash is the stored one. */
static _Noreturn void compute(int out, char *clear, const char *setting, struct crypt_data *data)
{
	const char *got = crypt_r(clear, setting, data);
	struct slice a = slice_str(got ? got : ""), b = slice_str(setting);
	uint8_t verdict = got && got[0] != '*' && a.n == b.n && slice_eq_secret(a, b) ? 'y' : 'n';
	_exit(write(out, &verdict, 1) == 1 ? 0 : 1);
}

static _Noreturn void child(int out, char *clear, const char *setting, struct crypt_data *data)
{
	struct err e;
	struct fd_map map = {.from = out, .to = 3};
	proc_not_dumpable();
	if (!fd_place(&map, 1))
		_exit(2);
	fd_close_from(4);
	if (!sandbox_enter_oneshot(CHILD_MEMORY, &e))
		_exit(3);
	compute(3, clear, setting, data);
}

/* 'y', 'n', or 0 where the child failed. */
static uint8_t ask_child(char *clear, const char *setting, struct err *e)
{
	int p[2];
	uint8_t verdict = 0;
	if (!fd_pipe(p, e))
		return 0;
	struct crypt_data *data = mem_new(sizeof *data);        /* before the fork: nothing is allocated behind the filter but by crypt */
	pid_t pid = proc_fork(PROC_DIE_WITH_PARENT, NULL, e);
	if (pid == 0)
		child(p[1], clear, setting, data);
	fd_close(&p[1]);
	if (pid > 0 && !fd_read_exact(p[0], (struct room){&verdict, 1}, CHILD_TIME_MS, e)) {
		err_prefix(e, "the process that checks passwords gave no answer");
		proc_kill(pid, SIGKILL);
	}
	if (pid > 0)
		proc_wait(pid, true, NULL);
	fd_close(&p[0]);
	mem_free(data);
	return verdict;
}

enum password password_check(struct slice clear, const char *hash, const char *fake, bool permit_empty, struct err *e)
{
	assert(fake);
	bool fits = clear.n <= PASSWORD_MAX && !slice_has_nul(clear);
	bool real = fits && usable(hash);
	if (e)
		*e = (struct err){0};
	/* Longer ones than crypt takes are no password here, but cost as much as one. */
	size_t limit = CRYPT_MAX_PASSPHRASE_SIZE - 1;
	char *copy = secret_new(PASSWORD_MAX + 1);
	memcpy(copy, clear.n ? (const void *)clear.p : "", fits ? clear.n : 0);
	if (clear.n > limit)
		copy[0] = 0, real = false;
	uint8_t verdict = ask_child(copy, real ? hash : fake, e);
	secret_free(copy, PASSWORD_MAX + 1);
	if (hash && hash[0] == 0 && clear.n == 0)
		return permit_empty ? PASSWORD_YES : PASSWORD_NO;
	if (clear.n == 0 && !permit_empty)
		return PASSWORD_NO;
	return real && verdict == 'y' ? PASSWORD_YES : PASSWORD_NO;
}
