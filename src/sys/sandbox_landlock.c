#include "sys/sandbox_landlock.h"

#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

/* The kernel's numbers, written down here: headers of the build machine are often older than the kernel that runs. */
enum { CREATE = 444, RESTRICT_SELF = 446, ASK_VERSION = 1 };
struct ruleset { uint64_t handled_fs, handled_net, scoped; };

/* What each ABI can deny, and how much of the struct it knows. */
static const struct { int abi; uint64_t fs, net, scoped; size_t size; } known[] = {
	{1, 0x1fff, 0, 0, 8},                   /* execute, read, write, directories, make, remove */
	{2, 0x3fff, 0, 0, 8},                   /* refer */
	{3, 0x7fff, 0, 0, 8},                   /* truncate */
	{4, 0x7fff, 3, 0, 16},                  /* TCP bind, connect */
	{5, 0xffff, 3, 0, 16},                  /* ioctl of devices opened from here on; passed terminals are not touched */
	{6, 0xffff, 3, 3, 24},                  /* abstract unix sockets, signals */
};

int sandbox_landlock(int *abi)
{
	long version = syscall(CREATE, NULL, 0, ASK_VERSION);
	*abi = 0;
	if (version <= 0)
		return version < 0 ? errno : ENOSYS;
	*abi = (int)version;
	size_t best = 0;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].abi <= version)
			best = i;
	struct ruleset rules = {known[best].fs, known[best].net, known[best].scoped};
	int fd = (int)syscall(CREATE, &rules, known[best].size, 0);
	if (fd < 0)
		return errno;
	int error = syscall(RESTRICT_SELF, fd, 0) == 0 ? 0 : errno;   /* no rule was added: nothing is allowed */
	close(fd);
	return error;
}
