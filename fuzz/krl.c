/* Revocation lists: what can be walked to its end can be written, and then revokes the same. */
#include <assert.h>
#include "key/keyfile.h"
#include "key/krl.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct key *our_key(void)
{
	static struct key *k;
	if (k == NULL)
		k = keyfile_line(SLICE_LIT("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"), NULL, NULL);
	return k;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice file = slice_of(p, n);
	struct err err = {0};
	enum krl_verdict v = krl_check(file, our_key(), NULL, &err);
	struct krl_reader r;
	struct krl_item item;
	if (!krl_open(&r, file, &err))
		return 0;
	struct krl_builder *b = krl_builder_new();
	while (krl_next(&r, &item)) {
		assert(item.lo <= item.hi);
		krl_add(b, &item);
	}
	assert(krl_whole(&r) == (v != KRL_DAMAGED));
	struct buf out = BUF_INIT(64 << 20);
	if (krl_whole(&r) && krl_write(b, 1, 2, slice_of(NULL, 0), &out, &err)) {
		enum krl_verdict again = krl_check(buf_slice(&out), our_key(), NULL, &err);
		assert(again == v);
	}
	buf_clear(&out);
	krl_builder_free(b);
	return 0;
}
