/* sshd-session: see server/zygote.h and doc/SERVER.md. */
#include "server/zygote.h"
#include "sys/process.h"

int main(int argc, char **argv)
{
	proc_title_init(argc, argv);
	return zygote_session_main();
}
