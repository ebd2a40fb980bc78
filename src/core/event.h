/* Inside core/: the list of events that ssh_next delivers. What other parts push is in internal.h. */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include "core/state.h"

bool event_take(struct ssh *, struct ssh_event *);          /* false: nothing waits */
void event_reset(struct ssh *);                             /* everything was delivered: copies may go */
void event_clear(struct ssh *);

#endif
