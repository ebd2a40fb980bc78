/* known_hosts: lookup, hashing and removal agree about what a file says. */
#include <assert.h>
#include "base/mem.h"
#include "key/keyfile.h"
#include "key/known_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct key *our_key(void)
{
	static struct key *k;
	if (k == NULL)
		k = keyfile_line(SLICE_LIT("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"), NULL, NULL);
	return k;
}

static enum known_state look(struct slice text, size_t *count)
{
	struct known_result r = {0};
	known_hosts_check(&r, 0, text, SLICE_LIT("host"), our_key(), KNOWN_PLAIN);
	enum known_state s = r.state;
	*count = r.n;
	known_result_clear(&r);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice text = slice_of(p, n);
	struct buf out = BUF_INIT(100 * n + 1000), names = BUF_INIT(1 << 16);
	struct known_hash_report report;
	struct known_removed removed;
	size_t before, after;
	enum known_state state = look(text, &before);
	known_hosts_types(text, SLICE_LIT("host"), KNOWN_PLAIN, &names);
	known_hosts_hash(text, &out, &report);
	if (report.invalid_n == 0 && !out.bad)
		assert(look(buf_slice(&out), &after) == state && after >= before);
	known_hash_report_clear(&report);
	buf_reset(&out);
	known_hosts_remove(text, SLICE_LIT("host"), &out, &removed);
	known_removed_clear(&removed);
	state = look(buf_slice(&out), &after);
	assert(state == KNOWN_NEW || state == KNOWN_REVOKED);
	buf_clear(&out);
	buf_clear(&names);
	return 0;
}
