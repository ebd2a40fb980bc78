/* An agent's answers, as ssh and ssh-add hear them. */
#include <assert.h>
#include <sys/socket.h>
#include "base/mem.h"
#include "drive/agentio.h"
#include "sys/fd.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static bool ask(struct agentio *a, unsigned what)
{
	struct buf sig = BUF_INIT(256 << 10);
	struct agent_key *keys = NULL;
	struct err err = {0};
	size_t count = 0, sum = 0;
	bool ok = false;
	switch (what % 4) {
	case 0:
		ok = agentio_list(a, &keys, &count, &err);
		assert(count <= AGENT_KEYS_MAX && (ok || keys == NULL));
		for (size_t i = 0; i < count; i++)
			sum += keys[i].blob.n + keys[i].comment.n;
		assert(sum <= 256 << 10);
		break;
	case 1: ok = agentio_sign(a, SLICE_LIT("blob"), SLICE_LIT("data"), 0, &sig, &err); break;
	case 2: ok = agentio_bind(a, SLICE_LIT("key"), SLICE_LIT("id"), SLICE_LIT("sig"), false, &err); break;
	default: ok = agentio_do(a, SLICE_LIT("\x13"), &err); break;
	}
	assert(ok == (err.code == ERR_NONE));
	mem_free(keys);
	buf_clear(&sig);
	return err.code == ERR_NONE || err.code == ERR_DENIED || err.code == ERR_FORMAT;     /* the stream goes on */
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	int pair[2];
	struct err err = {0};
	if (n == 0 || n > 60000 || !fd_pair(FD_PAIR_STREAM, pair, &err))
		return 0;
	struct agentio a = {.fd = pair[0], .reply = BUF_INIT(256 << 10)};
	bool sent = fd_write_all(pair[1], slice_of(p, n), -1, &err) && shutdown(pair[1], SHUT_WR) == 0;
	for (unsigned i = 0; sent && i < 64 && ask(&a, p[n - 1] + i); i++)
		;
	agentio_close(&a);
	fd_close(&pair[1]);
	return 0;
}
