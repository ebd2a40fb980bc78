#include "base/err.h"
#include "sys/process.h"
#include "tools/add.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct err err;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-add: %s\n", err.text);
		return 255;
	}
	proc_no_core();
	return add_main(argc, argv);
}
