#include "base/err.h"
#include "sys/process.h"
#include "tools/keyscan.h"

#include <stdio.h>

int main(int argc, char **argv)
{
	struct err err;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-keyscan: %s\n", err.text);
		return 255;
	}
	return keyscan_main(argc, argv);
}
