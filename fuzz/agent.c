/* A run of messages to one agent over one socket, each behind its uint32 length; the clock goes on by a second each time. */
#include <assert.h>
#include "agent/agent.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct reader r = reader_of(slice_of(p, n));
	struct agent *a = agent_new(0);
	struct agent_conn c = {0};
	agent_set_lock_rounds(a, 1);
	struct buf reply = BUF_INIT(AGENT_MESSAGE_MAX), prompt = BUF_INIT(4096);
	for (uint64_t now = 1; reader_left(&r) && now < 32; now++) {
		struct slice m = get_string(&r);
		struct err why = {0};
		struct agent_work work;
		struct agent_turn t = {now, 1700000000, now % 2 == 0, &hash_sha256, &prompt, &why, "ssh:*", &work, NULL};
		buf_reset(&prompt);
		if (r.bad)
			break;
		enum agent_outcome o = agent_handle(a, &c, m, &t, &reply);
		if (o != AGENT_ANSWERED && o != AGENT_CONFIRM) {
			/* A token with the key of RFC 8032, 7.1, test 1, that signs anything with "sig". */
			static const char key[] = "\0\0\0\13ssh-ed25519\0\0\0\40\xd7\x5a\x98\x01\x82\xb1\x0a\xb7\xd5\x4b\xfe\xd3\xc9\x64\x07\x3a"
				"\x0e\xe1\x72\xf3\xda\xa6\x23\x25\xaf\x02\x1a\x68\xf7\x07\x51\x1a";
			struct agent_token_key k = {SLICE_LIT(key), SLICE_LIT("label")};
			t.done = &(struct agent_done){SLICE_LIT("/lib.so"), &k, 1, SLICE_LIT("sig")};
			if (o == AGENT_SK_SIGN) {
				assert(work.key && work.alg && work.provider.n);
				key_free(work.key);
			}
			assert(o != AGENT_TOKEN_SIGN || (work.alg && slice_eq(work.blob, k.blob)));
			o = agent_handle(a, &c, m, &t, &reply);
			assert(o == AGENT_ANSWERED);
		}
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
