/* The main program of sshd: options, tests, daemon. */
#ifndef SERVER_SSHD_H
#define SERVER_SSHD_H

int sshd_main(int argc, char **argv);

#endif
