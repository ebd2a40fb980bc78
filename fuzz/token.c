/* What ssh-pkcs11-helper says, as its clients hear it: lists of keys, signatures, questions, in any order. */
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "client/token.h"
#include "sys/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void take(struct token_link *t, bool keys)
{
	struct buf sig = BUF_INIT(TOKEN_FRAME_MAX);
	struct token_item *items = NULL;
	struct slice label = {NULL, 0};
	struct err err = {0};
	size_t count = 0, sum = 0;
	if (keys) {
		bool ok = token_take_keys(t, &items, &count, &err);
		assert(ok ? err.code == ERR_NONE && count <= TOKEN_KEYS_MAX : err.code != ERR_NONE && items == NULL);
		for (size_t i = 0; i < count; i++)
			sum += items[i].blob.n + items[i].label.n;
		assert(sum <= TOKEN_FRAME_MAX);
	} else {
		int got = token_take_signature(t, &sig, &label, &err);
		assert((got < 0) == (err.code != ERR_NONE));
		assert(label.n <= TOKEN_FRAME_MAX);
	}
	mem_free(items);
	buf_clear(&sig);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int pair[2];
	struct err err = {0};
	struct token_link t = {.fd = -1, .pidfd = -1, .in = BUF_INIT(TOKEN_FRAME_MAX + 4), .provider = mem_str("/lib.so")};
	if (n > 0 && n < 60000 && fd_pair(FD_PAIR_STREAM, pair, &err)) {
		t.fd = pair[0];
		bool sent = fd_write_all(pair[1], slice_of(p, n), -1, &err);
		fd_close(&pair[1]);
		for (size_t i = p[n - 1]; sent && token_poll(&t, i & 2) == TOKEN_READY; i++)
			take(&t, i & 1);
		take(&t, true);                         /* nothing more comes */
	}
	token_end(&t);
	return 0;
}
