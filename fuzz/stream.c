/* The packet stream of one end before any key is in use: the bytes are what a stranger sends.
 * First byte: bit 0 the role, bit 1 whether it comes whole or byte by byte.
 */
#include <string.h>

#include "core/ssh.h"
#include "fuzz/answers.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	if (in.n < 1)
		return 0;
	bool pieces = in.p[0] & 2;
	struct ssh *ssh = fuzz_ssh(in.p[0] & 1 ? SSH_SERVER : SSH_CLIENT);
	in = slice_from(in, 1);
	for (unsigned turns = 0; turns < 20000 && !ssh_is_over(ssh); turns++) {
		struct ssh_event ev;
		for (unsigned i = 0; i < 1000; i++) {
			ssh_next(ssh, &ev);
			if (ev.kind == EV_NEED_INPUT || ev.kind == EV_OVER)
				break;
			fuzz_event(ssh, &ev);
		}
		ssh_sent(ssh, ssh_output(ssh).n);
		struct room r = ssh_space(ssh);
		if (r.n == 0 || in.n == 0)
			break;
		size_t n = in.n < r.n ? in.n : r.n;
		if (pieces && n > 1)
			n = 1;
		memcpy(r.p, in.p, n);
		in = slice_from(in, n);
		ssh_filled(ssh, n, 1000 + turns);
	}
	ssh_free(ssh);
	return 0;
}
