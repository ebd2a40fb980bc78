/* Name lists: comma-separated, as RFC 4251, section 5 and all algorithm keywords have them. */
#ifndef BASE_NAMES_H
#define BASE_NAMES_H

#include "base/bytes.h"

bool names_next(struct slice *list, struct slice *name);   /* takes the next name; false at the end */
bool names_has(struct slice list, struct slice name);
bool names_has_str(struct slice list, const char *name);
bool names_valid(struct slice list);                       /* RFC 4251: no empty names, printable US-ASCII, at most 64 characters each */
/* The same for what peers send, but for empty names, over which names_next steps: libssh up to 0.10 ends its lists with a comma. */
bool names_readable(struct slice list);
/* First name of ours-or-client's list that the other holds (RFC 4253, 7.1); empty if none. */
struct slice names_common(struct slice client, struct slice server);
void names_add(struct buf *, const char *name);            /* with a comma where one is needed */
void names_add_slice(struct buf *, struct slice name);

#endif
