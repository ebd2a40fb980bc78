/* What was computed from secrets and may be known: a seed that is sent in clear, the outcome of a
 * check that the caller acts on. Tells the constant-time test (test/ct) so; otherwise nothing. */
#ifndef CRYPTO_DECLASSIFY_H
#define CRYPTO_DECLASSIFY_H

#include <stddef.h>

#ifdef HAWSER_CT
#include <valgrind/memcheck.h>

static inline void crypto_declassify(const void *p, size_t n)
{
	(void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}
#else
static inline void crypto_declassify(const void *p, size_t n)
{
	(void)p, (void)n;
}
#endif

#endif
