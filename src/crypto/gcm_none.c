/* Stands in for gcm_vaes.c where libipsec-mb is missing: libcrypto does everything. */
#include "crypto/box_impl.h"

#include <stdlib.h>

size_t gcm_fast_size(void)
{
	return 0;
}

void gcm_fast_init(struct gcm_fast *g, const uint8_t *key, size_t key_len)
{
	(void)g, (void)key, (void)key_len;
	abort();
}

void gcm_fast_seal(struct gcm_fast *g, const uint8_t iv[12], uint8_t *p, size_t n)
{
	(void)g, (void)iv, (void)p, (void)n;
	abort();
}

void gcm_fast_open(struct gcm_fast *g, const uint8_t iv[12], uint8_t *p, size_t n, uint8_t tag[16])
{
	(void)g, (void)iv, (void)p, (void)n, (void)tag;
	abort();
}

bool poly1305_fast(const uint8_t key[32], const uint8_t *p, size_t n, uint8_t tag[16])
{
	(void)key, (void)p, (void)n, (void)tag;
	return false;
}
