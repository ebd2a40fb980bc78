/* .shosts and its kin: what comes out are parts of the text, without blanks, and the walk ends. */
#include <assert.h>
#include <string.h>
#include "key/rhosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void inside(struct slice part, struct slice whole)
{
	assert(part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n));
	assert(part.n == 0 || (memchr(part.p, ' ', part.n) == NULL && memchr(part.p, '\n', part.n) == NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice whole = slice_of(p, n), text = whole;
	struct rhosts_line l;
	while (rhosts_next(&text, &l)) {
		assert(l.host.n > 0 && l.host.n <= RHOSTS_LINE_MAX);
		inside(l.host, whole);
		inside(l.user, whole);
	}
	assert(text.n == 0);
	return 0;
}
