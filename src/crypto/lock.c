#include <openssl/crypto.h>
#include "crypto/evp.h"

void crypto_lock_keys(void)
{
	enum { HEAP = 256 << 10, LEAST = 16 };
	crypto_ready();
	if (!CRYPTO_secure_malloc_initialized())
		CRYPTO_secure_malloc_init(HEAP, LEAST); /* without it the ordinary heap, wiped all the same */
}
