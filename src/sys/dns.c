#include "sys/dns.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>

#include "base/text.h"

enum { ANSWER_MAX = 65535 };

bool dns_query(const char *name, unsigned type, struct buf *answer, struct err *e)
{
	struct __res_state state = {0};
	if (res_ninit(&state) != 0)
		return err_set(e, ERR_SYSTEM, "the resolver cannot be set up; look at /etc/resolv.conf");
	state.options |= RES_USE_EDNS0 | RES_USE_DNSSEC;
	struct room room = buf_room(answer, ANSWER_MAX);
	int n = room.n ? res_nquery(&state, name, ns_c_in, (int)type, room.p, ANSWER_MAX) : -1;
	int why = state.res_h_errno;
	res_nclose(&state);
	if (n < 0)
		return err_set(e, why == HOST_NOT_FOUND || why == NO_DATA ? ERR_MISSING : ERR_SYSTEM, "DNS lookup of %s: %s",
			text_show(slice_str(name)), hstrerror(why));
	buf_add(answer, (size_t)(n < ANSWER_MAX ? n : ANSWER_MAX));
	return true;
}
