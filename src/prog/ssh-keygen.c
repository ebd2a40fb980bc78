#include "base/err.h"
#include "sys/process.h"
#include "tools/keygen.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct err err;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-keygen: %s\n", err.text);
		return 255;
	}
	proc_no_core();
	return keygen_main(argc, argv);
}
