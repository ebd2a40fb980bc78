/* Inside client/: UpdateHostKeys (ssh_config(5)): learns what further keys the server has, and forgets those it has no more. */
#ifndef CLIENT_UPDATE_H
#define CLIENT_UPDATE_H

#include "client/client.h"

struct update;
struct update *update_new(struct client *);
void update_free(struct update *);
bool update_event(struct update *, const struct ssh_event *);   /* true: it was hostkeys-00, or the answer to our hostkeys-prove-00 */
/* The session is over: true where a proof is still awaited; then client_over follows when it is there, or after a second. */
bool update_holds(struct update *, int status);
bool update_ends(struct update *);                         /* the connection is over: true where only a proof was awaited; client_over was called */

#endif
