/* Landlock (landlock(7)): inside of sys/ only. */
#ifndef SYS_SANDBOX_LANDLOCK_H
#define SYS_SANDBOX_LANDLOCK_H

/* Denies every path, TCP bind and connect, abstract sockets and signals outside: as far as the kernel's ABI goes. 0, or errno
 * (ENOSYS, EOPNOTSUPP: not there). *abi gets its number, 0 for none. Needs no-new-privs. */
int sandbox_landlock(int *abi);

#endif
