#include "base/err.h"
#include "sys/process.h"
#include "tools/keysign.h"

#include <stdio.h>

int main(void)
{
	struct err err;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-keysign: %s\n", err.text);
		return 255;
	}
	return keysign_main();
}
