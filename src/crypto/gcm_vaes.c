/* AES-GCM and Poly1305 of libipsec-mb for CPUs with VAES and AVX-512: four times as fast as
 * libcrypto 3.0. Its manager costs 5 ms of start (self-tests of every algorithm), so the few
 * routines are taken out of the static library one by one and called directly. Their names are
 * not in its public header; the build checks that they are there, and a test compares the results
 * with libcrypto's. */
#include <cpuid.h>
#include <intel-ipsec-mb.h>
#include "crypto/box_impl.h"

typedef void gcm_run(const struct gcm_key_data *, struct gcm_context_data *, uint8_t *out, const uint8_t *in, uint64_t len,
                     const uint8_t *iv, const uint8_t *aad, uint64_t aad_len, uint8_t *tag, uint64_t tag_len);
gcm_run aes_gcm_enc_128_vaes_avx512, aes_gcm_dec_128_vaes_avx512, aes_gcm_enc_256_vaes_avx512, aes_gcm_dec_256_vaes_avx512;
void aes_gcm_precomp_128_vaes_avx512(struct gcm_key_data *), aes_gcm_precomp_256_vaes_avx512(struct gcm_key_data *);
void aes_keyexp_128_enc_avx512(const void *key, void *round_keys), aes_keyexp_256_enc_avx512(const void *key, void *round_keys);
IMB_JOB *poly1305_mac_fma_avx512(IMB_JOB *);

struct gcm_fast { struct gcm_key_data key; struct gcm_context_data work; bool large; };

/* Bits of CPUID leaves 1 and 7, and of XCR0: Intel SDM, volume 2A, CPUID; volume 1, 13.3. */
static bool cpu_has_all(void)
{
	const unsigned need1 = bit_AES | bit_PCLMUL | bit_OSXSAVE;
	const unsigned need7b = bit_BMI2 | bit_AVX512F | bit_AVX512DQ | bit_AVX512BW | bit_AVX512VL | bit_AVX512IFMA;
	const unsigned need7c = bit_VAES | bit_VPCLMULQDQ;
	unsigned a, b, c, d, low, high;
	if (!__get_cpuid(1, &a, &b, &c, &d) || (c & need1) != need1)
		return false;
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (b & need7b) != need7b || (c & need7c) != need7c)
		return false;
	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (low & 0xe6) == 0xe6;                    /* the system saves SSE, AVX and AVX-512 registers */
}

static bool usable(void)
{
	static signed char known;                       /* CPUID leaves a virtual machine: ask once */
	if (known == 0)
		known = cpu_has_all() ? 1 : -1;
	return known > 0;
}

size_t gcm_fast_size(void)
{
	return usable() ? sizeof(struct gcm_fast) : 0;
}

void gcm_fast_init(struct gcm_fast *g, const uint8_t *key, size_t key_len)
{
	g->large = key_len == 32;
	if (g->large) {
		aes_keyexp_256_enc_avx512(key, g->key.expanded_keys);
		aes_gcm_precomp_256_vaes_avx512(&g->key);
	} else {
		aes_keyexp_128_enc_avx512(key, g->key.expanded_keys);
		aes_gcm_precomp_128_vaes_avx512(&g->key);
	}
}

void gcm_fast_seal(struct gcm_fast *g, const uint8_t iv[12], uint8_t *p, size_t n)
{
	gcm_run *run = g->large ? aes_gcm_enc_256_vaes_avx512 : aes_gcm_enc_128_vaes_avx512;
	run(&g->key, &g->work, p + 4, p + 4, n - 4, iv, p, 4, p + n, 16);
}

void gcm_fast_open(struct gcm_fast *g, const uint8_t iv[12], uint8_t *p, size_t n, uint8_t tag[16])
{
	gcm_run *run = g->large ? aes_gcm_dec_256_vaes_avx512 : aes_gcm_dec_128_vaes_avx512;
	run(&g->key, &g->work, p + 4, p + 4, n - 4, iv, p, 4, tag, 16);
}

bool poly1305_fast(const uint8_t key[32], const uint8_t *p, size_t n, uint8_t tag[16])
{
	if (!usable())
		return false;
	IMB_JOB job;                                    /* the fields that the routine reads; clearing all 300 bytes is not free */
	job.u.POLY1305._key = key;
	job.src = p;
	job.hash_start_src_offset_in_bytes = 0;
	job.msg_len_to_hash_in_bytes = n;
	job.auth_tag_output = tag;
	poly1305_mac_fma_avx512(&job);
	return true;
}
