/* ssh-keysign: signs this host's requests for host-based login. It is installed set-uid root: no argument, environment or file of
 * the user's is looked at; host keys are opened, then every right is given back, before anything else is read.
 */
#ifndef TOOLS_KEYSIGN_H
#define TOOLS_KEYSIGN_H

int keysign_main(void);

#endif
