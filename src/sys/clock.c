#include "sys/clock.h"

#include <time.h>

static uint64_t read_us(clockid_t which)
{
	struct timespec t = {0};
	clock_gettime(which, &t);               /* cannot fail: these clocks exist since Linux 2.6.39 */
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_ms(void)
{
	uint64_t ms = clock_us() / 1000;
	return ms ? ms : 1;
}

uint64_t clock_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

uint64_t clock_boot_ms(void)
{
	return read_us(CLOCK_BOOTTIME) / 1000;
}

int64_t clock_wall(void)
{
	return (int64_t)time(NULL);
}

uint64_t clock_cpu_us(void)
{
	return read_us(CLOCK_PROCESS_CPUTIME_ID);
}
