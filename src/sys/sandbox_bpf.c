/* From a table to a seccomp program: one straight line, each rule jumps over itself. */
#include <assert.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "sys/sandbox_filter.h"

#if defined(__x86_64__)
enum { OUR_ARCH = 1 };
#define OUR_AUDIT_ARCH AUDIT_ARCH_X86_64
#define FOREIGN_BIT 0x40000000u         /* x32 calls have our arch, and this bit */
#elif defined(__aarch64__)
enum { OUR_ARCH = 1 };
#define OUR_AUDIT_ARCH AUDIT_ARCH_AARCH64
#define FOREIGN_BIT 0u
#elif defined(__riscv) && __riscv_xlen == 64
enum { OUR_ARCH = 1 };
#define OUR_AUDIT_ARCH AUDIT_ARCH_RISCV64
#define FOREIGN_BIT 0u
#else
enum { OUR_ARCH = 0 };
#define OUR_AUDIT_ARCH 0u
#define FOREIGN_BIT 0u
#endif

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { LOW_WORD = 4 };
#else
enum { LOW_WORD = 0 };
#endif

enum { PROGRAM_MAX = BPF_MAXINSNS };
struct program { struct sock_filter at[PROGRAM_MAX]; unsigned short n; };

static void emit(struct program *p, uint16_t code, uint8_t yes, uint8_t no, uint32_t k)
{
	assert(p->n < PROGRAM_MAX);
	p->at[p->n++] = (struct sock_filter){code, yes, no, k};
}

static void load(struct program *p, size_t offset)
{
	emit(p, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static void give(struct program *p, uint32_t verdict)
{
	emit(p, BPF_RET | BPF_K, 0, 0, verdict);
}

static void prologue(struct program *p)
{
	load(p, offsetof(struct seccomp_data, arch));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, OUR_AUDIT_ARCH);
	give(p, SECCOMP_RET_KILL_PROCESS);
	if (FOREIGN_BIT) {
		load(p, offsetof(struct seccomp_data, nr));
		emit(p, BPF_JMP | BPF_JGE | BPF_K, 0, 1, FOREIGN_BIT);
		give(p, SECCOMP_RET_KILL_PROCESS);
	}
}

/* Instructions for one test: to go on when it holds, to jump `over` behind it when not. */
static void test(struct program *p, const struct filter_test *t, uint8_t over)
{
	load(p, offsetof(struct seccomp_data, args) + sizeof(uint64_t) * t->arg + LOW_WORD);
	switch (t->op) {
	case FILTER_HAS:
		emit(p, BPF_ALU | BPF_AND | BPF_K, 0, 0, t->value);
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, over, t->value);
		break;
	case FILTER_LACKS:
		emit(p, BPF_JMP | BPF_JSET | BPF_K, over, 0, t->value);
		break;
	case FILTER_IS_SELF:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, over, (uint32_t)getpid());
		break;
	default:
		emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, over, t->value);
		break;
	}
}

static uint8_t length_of(const struct filter_test *t)
{
	return t->op == FILTER_END ? 0 : t->op == FILTER_HAS ? 3 : 2;
}

static void rule(struct program *p, const struct filter_rule *r)
{
	uint8_t body = 1;                       /* the verdict */
	for (size_t i = 0; i < ARRAY_LEN(r->test); i++)
		body = (uint8_t)(body + length_of(&r->test[i]));
	load(p, offsetof(struct seccomp_data, nr));
	emit(p, BPF_JMP | BPF_JEQ | BPF_K, 0, body, (uint32_t)r->call);
	for (size_t i = 0; i < ARRAY_LEN(r->test) && r->test[i].op != FILTER_END; i++) {
		body = (uint8_t)(body - length_of(&r->test[i]));
		test(p, &r->test[i], body);
	}
	give(p, r->refuse ? SECCOMP_RET_ERRNO | (uint32_t)r->refuse : SECCOMP_RET_ALLOW);
}

int sandbox_load(const struct filter_table *main_rules, const struct filter_table *extra)
{
	if (!OUR_ARCH)
		return ENOSYS;
	struct program *p = mem_new(sizeof *p);
	prologue(p);
	for (size_t i = 0; i < main_rules->n; i++)
		rule(p, &main_rules->rule[i]);
	for (size_t i = 0; extra && i < extra->n; i++)
		rule(p, &extra->rule[i]);
	give(p, SECCOMP_RET_KILL_PROCESS);
	struct sock_fprog prog = {.len = p->n, .filter = p->at};
	int error = 0;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0)
		error = errno == EINVAL ? ENOSYS : errno;       /* EINVAL: a kernel built without filters */
	mem_free(p);
	return error;
}
