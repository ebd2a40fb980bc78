/* Answers of name servers with SSHFP records. */
#include <assert.h>
#include "key/keyfile.h"
#include "key/sshfp.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct key *key;
	struct err e = {0};
	bool authentic;
	if (key == NULL)
		key = keyfile_line(SLICE_LIT("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFNAPKcY3E4yWI2t1v+VtS+Z2yC3sBcH8kBILpuNTCOt"), NULL, NULL);
	enum sshfp_verdict v = sshfp_check(slice_of(p, n), key, &authentic, &e);
	assert(v == SSHFP_NONE || e.code == ERR_NONE);
	assert(n >= 12 || v == SSHFP_NONE);
	return 0;
}
