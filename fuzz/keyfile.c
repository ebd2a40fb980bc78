/* Key files of every format; the first byte chooses the passphrase. What is read can be written and read again. */
#include <assert.h>
#include "key/keyfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void write_again(const struct key *k)
{
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct keyfile_style style = {.format = KEYFILE_OPENSSH};
	struct err err;
	if (keyfile_write(k, &style, &text, &err)) {
		struct key *again = keyfile_read(buf_slice(&text), slice_of(NULL, 0), NULL, &err);
		assert(again && key_equal(k, again));
		key_free(again);
	}
	buf_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice text = slice_of(p, n);
	struct buf comment = BUF_INIT(256);
	struct err err = {0};
	struct key *k = keyfile_read(text, SLICE_LIT("x"), &comment, &err);
	assert(k || err.code != ERR_NONE);
	if (k)
		write_again(k);
	key_free(k);
	buf_reset(&comment);
	k = keyfile_read_public(text, &comment, &err);
	key_free(k);
	buf_clear(&comment);
	key_free(key_from_blob(text, &err));
	return 0;
}
