/* The option lists in front of keys: authorized_keys, allowed_signers.
 *
 *   name | name="value", separated by commas without blanks; \" is a quote inside quotes, and
 *   every other backslash stands for itself.
 */
#ifndef KEY_OPTLIST_H
#define KEY_OPTLIST_H

#include "base/bytes.h"

/* What stands before the first blank outside quotes; *line keeps the rest. False: the quote is never closed. */
bool options_cut(struct slice *line, struct slice *options);

enum option_step { OPTION_END, OPTION_ONE, OPTION_BROKEN };
/* Takes the next one. name is set even where it is BROKEN; value (reset first) where has_value. */
enum option_step option_next(struct slice *options, struct slice *name, bool *has_value, struct buf *value);

#endif
