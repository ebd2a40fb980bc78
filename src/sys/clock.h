/* Time: monotonic for every limit, wall time only for certificates and log lines. */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

uint64_t clock_ms(void);                                   /* CLOCK_MONOTONIC, milliseconds; never 0 */
uint64_t clock_us(void);                                   /* the same clock, microseconds */
uint64_t clock_boot_ms(void);                              /* goes on while the machine sleeps (CLOCK_BOOTTIME) */
int64_t clock_wall(void);                                  /* seconds since 1970 */
uint64_t clock_cpu_us(void);                               /* CPU time of this process */

#endif
