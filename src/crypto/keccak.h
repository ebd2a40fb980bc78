/* Keccak-f[1600] with SHA-3's sponge (FIPS 202): SHA3-256, SHA3-512, SHAKE128, SHAKE256.
 *
 * libcrypto has these too, behind an interface that allocates and looks things up; ML-KEM and
 * ML-DSA call them some fifty times an operation on short inputs, and pay more for that than for
 * the permutation. Nothing here allocates. A state that saw secrets is wiped with keccak_wipe.
 * Time depends on lengths only.
 */
#ifndef CRYPTO_KECCAK_H
#define CRYPTO_KECCAK_H

#include "base/bytes.h"

enum { SHAKE128_RATE = 168, SHAKE256_RATE = 136, SHA3_256_RATE = 136, SHA3_512_RATE = 72 };
enum { KECCAK_PAD_SHA3 = 0x06, KECCAK_PAD_SHAKE = 0x1f };

struct keccak { uint64_t lane[25]; size_t rate, at; };

void keccak_init(struct keccak *, size_t rate);
void keccak_absorb(struct keccak *, const uint8_t *, size_t n);
void keccak_finish(struct keccak *, uint8_t pad);          /* input is over; squeeze from here on */
void keccak_squeeze(struct keccak *, uint8_t *out, size_t n);
void keccak_wipe(struct keccak *);

/* One whole call over two inputs, either of them empty. */
void sha3_256(uint8_t out[32], struct slice a, struct slice b);
void sha3_512(uint8_t out[64], struct slice a, struct slice b);
void shake256(uint8_t *out, size_t n, struct slice a, struct slice b);

#endif
