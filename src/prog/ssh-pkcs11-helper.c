#include "base/err.h"
#include "sys/logsink.h"
#include "sys/process.h"
#include "token/token.h"

#include <stdio.h>
#include <string.h>

/* -v says more, once for each time that it is given. */
int main(int argc, char **argv)
{
	struct err err;
	int level = LOG_LEVEL_ERROR;
	if (!proc_clean_start(&err)) {
		fprintf(stderr, "ssh-pkcs11-helper: %s\n", err.text);
		return 255;
	}
	proc_no_core();
	proc_not_dumpable();
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") != 0) {
			fputs("usage: ssh-pkcs11-helper [-v]\nssh, ssh-agent and ssh-keygen start it; it is of no use by itself.\n", stderr);
			return 255;
		}
		level = level == LOG_LEVEL_ERROR ? LOG_LEVEL_DEBUG1 : level < LOG_LEVEL_DEBUG3 ? level + 1 : level;
	}
	logsink_use_stderr((enum log_level)level, NULL);
	return token_helper_main();
}
