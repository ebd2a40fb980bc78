/* sshd-user: see server/user.h and doc/SERVER.md. */
#include "server/user.h"
#include "sys/process.h"

int main(int argc, char **argv)
{
	proc_title_init(argc, argv);
	return user_main();
}
