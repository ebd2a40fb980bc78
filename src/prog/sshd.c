/* sshd: the listener (doc/SERVER.md). */
#include "server/sshd.h"

int main(int argc, char **argv)
{
	return sshd_main(argc, argv);
}
