/* Random art: a fingerprint as a picture, the walk of the drunken bishop (D. Loss, T. Limmer, A. von
 * Gernler, "The drunken bishop", 2009) on a field of 17 by 9, in the frame that OpenSSH draws.
 */
#ifndef KEY_RANDART_H
#define KEY_RANDART_H

#include "base/bytes.h"

/* title stands in the upper frame ("ED25519 256"), foot in the lower ("SHA256"). Eleven lines, the last one ended too. */
void put_randart(struct buf *, struct slice digest, const char *title, const char *foot);

#endif
