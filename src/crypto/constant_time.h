/* Two helpers for code whose time must not depend on secrets; test/ct shows whether it does. */
#ifndef CRYPTO_CONSTANT_TIME_H
#define CRYPTO_CONSTANT_TIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef HAWSER_CT
#include <valgrind/memcheck.h>
#endif

/* What was computed from secrets and may be known: a seed that is sent in clear, the outcome of a check that the caller
 * acts on. Tells the test so; otherwise nothing. */
static inline void ct_declassify(const void *p, size_t n)
{
#ifdef HAWSER_CT
	(void)VALGRIND_MAKE_MEM_DEFINED(p, n);
#else
	(void)p, (void)n;
#endif
}

/* The same value, of which the compiler knows nothing: a mask that is all ones or zero stays a mask, and does not
 * become a branch (as clang 14 made of them). */
static inline uint32_t ct_mask(uint32_t mask)
{
	__asm__("" : "+r"(mask));
	return mask;
}

#endif
