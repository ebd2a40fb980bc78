/* ssh-sk-helper: answers one ask (wire/sk_msg.h) from standard input on standard output, and ends. */
#ifndef SK_HELPER_H
#define SK_HELPER_H

int sk_helper_main(void);                                  /* the exit status */

#endif
