#include "base/err.h"
#include "sys/process.h"
#include "tools/agent.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct err err;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-agent: %s\n", err.text);
		return 255;
	}
	proc_no_core();
	return agent_main(argc, argv);
}
