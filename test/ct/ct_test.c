/* Constant time, after Langley's ctgrind: what is secret is marked as undefined, so that valgrind's memcheck reports
 * every branch and every address that depends on it. The library's own ct_declassify says what may be known.
 *
 *	ct_test            runs the primitives: no report may come
 *	ct_test branch     branches on a secret: a report must come, or the test sees nothing
 *	ct_test index      takes a secret as an index: likewise
 */
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>
#include "crypto/keccak.h"
#include "crypto/mldsa44.h"
#include "crypto/mlkem768.h"
#include "crypto/sntrup761.h"

static void secret(void *p, size_t n)
{
	(void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void public(void *p, size_t n)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* Bytes that differ from call to call. */
static void fill(uint8_t *p, size_t n)
{
	static uint8_t calls;
	calls++;
	shake256(p, n, slice_of(&calls, 1), slice_of(NULL, 0));
	secret(p, n);
}

static bool mlkem(void)
{
	static uint8_t pk[MLKEM768_PUBLIC], sk[MLKEM768_SECRET], ct[MLKEM768_CIPHERTEXT];
	uint8_t seed[MLKEM768_SEED], m[MLKEM768_MESSAGE], ours[MLKEM768_SHARED], theirs[MLKEM768_SHARED];
	fill(seed, sizeof(seed));
	mlkem768_keypair(pk, sk, seed);
	public(pk, sizeof(pk));
	fill(m, sizeof(m));
	if (!mlkem768_encaps(ct, theirs, pk, m))
		return false;
	public(ct, sizeof(ct));
	mlkem768_decaps(ours, ct, sk);
	public(ours, sizeof(ours)), public(theirs, sizeof(theirs));
	bool good = !memcmp(ours, theirs, sizeof(ours));
	ct[100] ^= 1;
	mlkem768_decaps(ours, ct, sk);
	public(ours, sizeof(ours));
	return good && memcmp(ours, theirs, sizeof(ours));
}

static bool sntrup(void)
{
	static uint8_t pk[SNTRUP761_PUBLIC], sk[SNTRUP761_SECRET], ct[SNTRUP761_CIPHERTEXT];
	static uint8_t random[SNTRUP761_KEYPAIR_RANDOM];
	uint8_t ours[SNTRUP761_SHARED], theirs[SNTRUP761_SHARED];
	do
		fill(random, sizeof(random));
	while (!sntrup761_keypair(pk, sk, random));
	public(pk, sizeof(pk));
	fill(random, SNTRUP761_ENCAPS_RANDOM);
	sntrup761_encaps(ct, theirs, pk, random);
	public(ct, sizeof(ct));
	sntrup761_decaps(ours, ct, sk);
	public(ours, sizeof(ours)), public(theirs, sizeof(theirs));
	bool good = !memcmp(ours, theirs, sizeof(ours));
	ct[100] ^= 1;
	sntrup761_decaps(ours, ct, sk);
	public(ours, sizeof(ours));
	return good && memcmp(ours, theirs, sizeof(ours));
}

static bool mldsa(void)
{
	static uint8_t pk[MLDSA44_PUBLIC], sk[MLDSA44_SECRET], sig[MLDSA44_SIGNATURE];
	uint8_t seed[MLDSA44_SEED], random[MLDSA44_RANDOM];
	struct slice none = slice_of(NULL, 0);
	fill(seed, sizeof(seed)), fill(random, sizeof(random));
	mldsa44_keypair(pk, sk, seed);
	public(pk, sizeof(pk));
	if (!mldsa44_sign(sig, SLICE_LIT("message"), none, sk, random))
		return false;
	public(sig, sizeof(sig));
	return mldsa44_verify(pk, SLICE_LIT("message"), none, sig);
}

static bool leak(bool by_index)
{
	static const volatile uint8_t table[256] = {1};
	static volatile uint8_t sink;
	uint8_t s;
	fill(&s, 1);
	if (by_index)
		sink = table[s];
	else if (s & 1)
		sink = 1;
	return sink < 2;
}

int main(int argc, char **argv)
{
	if (!RUNNING_ON_VALGRIND) {
		printf("ct_test runs under valgrind only\n");
		return 77;
	}
	if (argc > 1)
		return leak(!strcmp(argv[1], "index")) ? 0 : 1;
	bool good = mlkem() && sntrup() && mldsa();
	printf("%s\n", good ? "all agree" : "results differ");
	return good ? 0 : 1;
}
