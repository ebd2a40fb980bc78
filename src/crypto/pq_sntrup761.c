#include "base/mem.h"
#include "crypto/kem_impl.h"
#include "crypto/sntrup761.h"

static void keypair(uint8_t *pk, uint8_t *sk)
{
	uint8_t random[SNTRUP761_KEYPAIR_RANDOM];
	do
		random_bytes(random, sizeof random);
	while (!sntrup761_keypair(pk, sk, random));
	mem_wipe(random, sizeof random);
}

static bool encaps(uint8_t *ct, uint8_t *shared, const uint8_t *pk)
{
	uint8_t random[SNTRUP761_ENCAPS_RANDOM];
	random_bytes(random, sizeof random);
	sntrup761_encaps(ct, shared, pk, random);
	mem_wipe(random, sizeof random);
	return true;
}

static bool decaps(uint8_t *shared, const uint8_t *ct, const uint8_t *sk)
{
	sntrup761_decaps(shared, ct, sk);
	return true;
}

const struct pq pq_sntrup761 = {
	SNTRUP761_PUBLIC, SNTRUP761_SECRET, SNTRUP761_CIPHERTEXT, SNTRUP761_SHARED, keypair, encaps, decaps,
};
