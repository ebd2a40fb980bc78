#include "client/helper.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "sys/files.h"

char *helper_path(const char *variable, const char *name)
{
	const char *named = getenv(variable);
	char self[4096];
	if (named && named[0])
		return mem_str(named);
	ssize_t n = readlink("/proc/self/exe", self, sizeof self);
	char *exe = n > 0 && (size_t)n < sizeof self ? slice_dup(slice_of(self, (size_t)n)) : mem_str(PATH_BIN "/ssh");
	char *dir = file_dir(exe), *beside = file_join(dir, name);
	mem_free(exe);
	mem_free(dir);
	if (access(beside, X_OK) == 0)
		return beside;
	mem_free(beside);
	return mem_fmt("%s/%s", PATH_LIBEXEC, name);
}
