/* What libFuzzer does with a corpus, for compilers without it: every file named or found in the folders named goes through the
 * target once, whole, cut at every place (short files) and with single bits flipped (a fixed pattern). */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { FILE_MOST = 1 << 20, CUT_MOST = 2048, FLIPS = 400 };

/* Each input is a block of its own, so that a sanitizer sees a read past its end. */
static void feed(const uint8_t *p, size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	if (exact == NULL)
		abort();
	if (n)
		memcpy(exact, p, n);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
}

static void run_file(const char *path)
{
	static uint8_t data[FILE_MOST];
	FILE *f = fopen(path, "rb");
	if (f == NULL) {
		perror(path);
		exit(1);
	}
	size_t n = fread(data, 1, sizeof data, f);
	fclose(f);
	feed(data, n);
	for (size_t cut = 0; n <= CUT_MOST && cut < n; cut++)
		feed(data, cut);
	for (size_t i = 0; n && i < FLIPS; i++) {
		size_t at = i * 2654435761u % n;
		uint8_t bit = (uint8_t)(1u << (i % 8));
		data[at] ^= bit;
		feed(data, n);
		data[at] ^= bit;
	}
	printf("%s: %zu bytes\n", path, n);
}

static void run_dir(const char *path, DIR *d)
{
	struct dirent *e;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		char *file = mem_fmt("%s/%s", path, e->d_name);
		run_file(file);
		mem_free(file);
	}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		if (d)
			run_dir(argv[i], d);
		else
			run_file(argv[i]);
		if (d)
			closedir(d);
	}
	return 0;
}
