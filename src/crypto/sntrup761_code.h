/* Bytes of sntrup761's polynomials: the mixed-radix code of NTRU Prime (round 3, section 3.3). Internal to sntrup761.
 *
 * Encoding runs in constant time. Decoding divides, and is for what is public: keys and ciphertexts. */
#ifndef CRYPTO_SNTRUP761_CODE_H
#define CRYPTO_SNTRUP761_CODE_H

#include "crypto/sntrup761_ring.h"

enum { NTRU_RQ_BYTES = 1158, NTRU_ROUNDED_BYTES = 1007, NTRU_SMALL_BYTES = 191 };

void ntru_encode_rq(uint8_t out[NTRU_RQ_BYTES], const struct ntru_poly *);
void ntru_decode_rq(struct ntru_poly *, const uint8_t in[NTRU_RQ_BYTES]);
/* Of coefficients that are multiples of 3. */
void ntru_encode_rounded(uint8_t out[NTRU_ROUNDED_BYTES], const struct ntru_poly *);
void ntru_decode_rounded(struct ntru_poly *, const uint8_t in[NTRU_ROUNDED_BYTES]);
/* Of coefficients -1, 0, 1; both directions in constant time. */
void ntru_encode_small(uint8_t out[NTRU_SMALL_BYTES], const struct ntru_poly *);
void ntru_decode_small(struct ntru_poly *, const uint8_t in[NTRU_SMALL_BYTES]);

#endif
