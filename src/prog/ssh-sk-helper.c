#include "base/err.h"
#include "sk/helper.h"
#include "sys/process.h"

#include <stdio.h>
#include <string.h>

/* -v is taken for the sake of scripts that give it. */
int main(int argc, char **argv)
{
	struct err err;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-sk-helper: %s\n", err.text);
		return 255;
	}
	if (argc > 2 || (argc == 2 && strcmp(argv[1], "-v") != 0)) {
		fputs("usage: ssh-sk-helper [-v]\nssh, ssh-agent, ssh-add and ssh-keygen start it; it is of no use by itself.\n", stderr);
		return 255;
	}
	return sk_helper_main();
}
