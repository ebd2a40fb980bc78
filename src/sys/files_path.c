/* Path names: joining, home directories, glob patterns. */
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "sys/account.h"
#include "sys/files.h"

enum { GLOB_NAMES_MAX = 4096 };

void file_list_clear(struct file_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		mem_free(l->at[i]);
	mem_free(l->at);
	*l = (struct file_list){0};
}

bool file_glob(const char *pattern, struct file_list *out, struct err *e)
{
	glob_t g = {0};
	*out = (struct file_list){0};
	int bad = glob(pattern, 0, NULL, &g);
	if (bad && bad != GLOB_NOMATCH) {
		globfree(&g);
		return err_set(e, ERR_SYSTEM, "cannot look for %s: %s", pattern, bad == GLOB_NOSPACE ? "too many files" : "read error");
	}
	bool ok = g.gl_pathc <= GLOB_NAMES_MAX;
	for (size_t i = 0; ok && i < g.gl_pathc; i++)
		LIST_PUSH(out->at, out->n, mem_str(g.gl_pathv[i]));
	globfree(&g);
	return ok || err_set(e, ERR_LIMIT, "%s names more than %d files", pattern, GLOB_NAMES_MAX);
}

char *file_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);
	if (name[0] == '/' || n == 0)
		return mem_str(name);
	return mem_fmt("%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

char *file_dir(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return mem_str(".");
	if (slash == path)
		return mem_str("/");
	return slice_dup(slice_of(path, (size_t)(slash - path)));
}

char *file_expand(const char *path, const char *home, struct err *e)
{
	if (path[0] != '~')
		return mem_str(path);
	const char *slash = strchr(path, '/');
	size_t n = slash ? (size_t)(slash - path - 1) : strlen(path + 1);
	const char *rest = slash ? slash + 1 : "";
	if (n == 0)
		return *rest ? file_join(home, rest) : mem_str(home);
	char *user = slice_dup(slice_of(path + 1, n));
	struct account *a = account_find(user, e);
	mem_free(user);
	if (a == NULL)
		return NULL;
	char *whole = *rest ? file_join(a->home, rest) : mem_str(a->home);
	account_free(a);
	return whole;
}

const char *file_home(void)
{
	static char *home;
	if (home)
		return home;
	struct account *a = account_find_uid(getuid(), NULL);
	const char *env = getenv("HOME");
	home = mem_str(a ? a->home : env ? env : "/");
	account_free(a);
	return home;
}
