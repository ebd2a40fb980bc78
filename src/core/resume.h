/* Inside core/: what of the connection layer is kept until the peer has it (doc/PROTOCOL-resume.md).
 * All of it only where mux->resume is set.
 */
#ifndef CORE_RESUME_H
#define CORE_RESUME_H

#include "core/mux.h"

void resume_send(struct ssh *, const struct msg_desc *, const void *msg);
void resume_send_raw(struct ssh *, struct slice payload);
void resume_pump(struct ssh *);                             /* hands over what waits, as far as the transport takes data */
bool resume_may_add(const struct ssh *);                    /* data, without passing the bound or what waits */
/* As packet_rooms and packet_commit. */
size_t resume_rooms(struct ssh *, size_t header, size_t data_max, size_t total, struct room *rooms, size_t max);
void resume_commit(struct ssh *, size_t i, struct slice header, size_t n);
void resume_commit_end(struct ssh *);
bool resume_count(struct ssh *, size_t n);                  /* one payload of n bytes came in; false: it died */
uint64_t resume_wake(const struct ssh *);
void resume_tick(struct ssh *);
void resume_trim(struct resume *);

#endif
