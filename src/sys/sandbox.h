/* The jail of sshd-net, and a smaller one for one-shot children.
 *
 * Layers, each tried on its own: rlimits, empty root, uid and capabilities, non-dumpable,
 * no-new-privs, Landlock, seccomp. A layer that the kernel or a container refuses is reported, not
 * hidden; the caller logs it and `sshd -T` shows it. Only seccomp and (as root) giving up the uid
 * are required: without them sandbox_enter fails unless the setup says otherwise.
 *
 * What is allowed is a table: sandbox_filter.c, and what sandbox_filter_asan.c adds in sanitizer
 * builds. Everything else kills the process. Warm libcrypto up before entering: no file opens afterwards.
 */
#ifndef SYS_SANDBOX_H
#define SYS_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/err.h"

enum sandbox_layer {
	SANDBOX_RLIMITS, SANDBOX_ROOT, SANDBOX_UID, SANDBOX_CAPABILITIES, SANDBOX_DUMPABLE,
	SANDBOX_NO_NEW_PRIVS, SANDBOX_LANDLOCK, SANDBOX_SECCOMP, SANDBOX_LAYERS,
};
enum sandbox_state {
	SANDBOX_UNTRIED,
	SANDBOX_OK,
	SANDBOX_REFUSED,                                        /* error says why */
	SANDBOX_ABSENT,                                         /* this kernel or this build has it not */
	SANDBOX_NOT_ROOT,                                       /* needs root, and we are not */
};
struct sandbox_report {
	struct { enum sandbox_state state; int error; int detail; } layer[SANDBOX_LAYERS];   /* detail: Landlock's ABI number */
};

struct sandbox_setup {
	uint64_t nofile;                                        /* RLIMIT_NOFILE */
	uint64_t memory;                                        /* RLIMIT_AS, bytes; 0: none (always none in sanitizer builds) */
	const char *empty_root;                                 /* e.g. /run/sshd: must be root's, and nobody else may write there */
	uid_t uid;                                              /* used as root only */
	gid_t gid;
	pid_t parent;                                           /* not 0: SIGKILL when it ends, armed after the change of uid, which disarms it */
	bool without_seccomp;                                   /* the administrator insists */
};

/* Of this process, for good. Single-threaded. */
bool sandbox_enter(const struct sandbox_setup *, struct sandbox_report *, struct err *) MUST_CHECK;
/* The same in a child that ends at once: what would hold here? */
bool sandbox_probe(const struct sandbox_setup *, struct sandbox_report *, struct err *) MUST_CHECK;
/* For children that compute one answer: read, write, memory, exit; no other call (so fd_write_all and fd_read_exact with timeout -1
 * only). As root it becomes nobody. `memory` as above. */
bool sandbox_enter_oneshot(uint64_t memory, struct err *) MUST_CHECK;

const char *sandbox_layer_name(enum sandbox_layer);
const char *sandbox_state_name(enum sandbox_state);
void sandbox_report_text(const struct sandbox_report *, struct buf *out);   /* "rlimits ok, landlock ok (ABI 7), ..." */

#endif
