/* Two inputs in one, parted by the first NUL: a signature, and a file of allowed signers that is asked about it. */
#include <assert.h>
#include <string.h>
#include "key/signers.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void ask(struct slice signers, const struct sshsig *s)
{
	struct buf names = BUF_INIT(1 << 16), why = BUF_INIT(1 << 16);
	struct signers_query q = {s, SLICE_LIT("me@x"), SLICE_LIT("file"), 1700000000, 0};
	size_t line = signers_find(signers, &q, &names, &why);
	assert((line > 0) == (names.len > 0) || names.bad);
	q.principal = slice_of(NULL, 0);
	signers_find(signers, &q, &names, &why);
	buf_clear(&names);
	buf_clear(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice signers = slice_of(p, n), text = slice_cut(&signers, 0);
	struct buf lines = BUF_INIT(n + 16);
	struct err err = {0};
	struct sshsig *s = sshsig_read(text, &err);
	assert(s || err.code != ERR_NONE);
	if (s) {
		enum verdict v = sshsig_verify(s, SLICE_LIT("file"), slice_of("0123456789abcdef0123456789abcdef", 32), &err);
		assert(v == VERDICT_REFUSED);
		ask(signers, s);
	}
	sshsig_free(s);
	signers_match(signers, SLICE_LIT("me@x"), &lines);
	buf_clear(&lines);
	return 0;
}
