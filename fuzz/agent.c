/* A run of messages to one agent over one socket, each behind its uint32 length; the clock goes on by a second each time. */
#include <assert.h>
#include "agent/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct reader r = reader_of(slice_of(p, n));
	struct agent *a = agent_new(0);
	struct agent_conn c = {0};
	struct buf reply = BUF_INIT(AGENT_MESSAGE_MAX), prompt = BUF_INIT(4096);
	for (uint64_t now = 1; reader_left(&r) && now < 32; now++) {
		struct slice m = get_string(&r);
		struct err why = {0};
		struct agent_turn t = {now, 1700000000, now % 2 == 0, &hash_sha256, &prompt, &why};
		buf_reset(&prompt);
		if (r.bad)
			break;
		enum agent_outcome o = agent_handle(a, &c, m, &t, &reply);
		assert(o == AGENT_CONFIRM ? prompt.len > 0 : reply.len > 0 && !reply.bad);
		if (o == AGENT_ANSWERED) {
			uint64_t out[16];
			assert(msg_decode(agent_msg_row(reply.p[0]), buf_slice(&reply), out));
		}
	}
	buf_clear(&reply);
	buf_clear(&prompt);
	agent_conn_clear(&c);
	agent_free(a);
	return 0;
}
