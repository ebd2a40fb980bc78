/* Constant answers and a core with every default, for targets that run the whole core. */
#ifndef FUZZ_ANSWERS_H
#define FUZZ_ANSWERS_H

#include "core/ssh.h"

struct ssh_setup fuzz_setup(enum ssh_role);                /* points to statics */
struct ssh *fuzz_ssh(enum ssh_role);
void fuzz_event(struct ssh *, const struct ssh_event *);   /* answers asks, accepts channels, takes data, replies */

#endif
