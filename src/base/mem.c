#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Noreturn void mem_abort(const char *why)
{
	ssize_t n = write(STDERR_FILENO, why, strlen(why));
	n = n < 0 ? n : write(STDERR_FILENO, "\n", 1);
	(void)n;
	abort();
}

static _Noreturn void out_of_memory(void)
{
	mem_abort("out of memory");
}

void *mem_new(size_t n)
{
	void *p = calloc(1, n ? n : 1);
	if (p == NULL)
		out_of_memory();
	return p;
}

void *mem_list(size_t count, size_t size)
{
	size_t n;
	if (__builtin_mul_overflow(count, size, &n))
		out_of_memory();
	return mem_new(n);
}

void *mem_resize(void *p, size_t n)
{
	p = realloc(p, n ? n : 1);
	if (p == NULL)
		out_of_memory();
	return p;
}

void mem_free(void *p)
{
	free(p);
}

char *mem_str(const char *s)
{
	if (s == NULL)
		return NULL;
	size_t n = strlen(s) + 1;
	return memcpy(mem_new(n), s, n);
}

char *mem_fmt(const char *fmt, ...)
{
	va_list ap;
	char *p = NULL;
	va_start(ap, fmt);
	if (vasprintf(&p, fmt, ap) < 0)
		out_of_memory();
	va_end(ap);
	return p;
}

void mem_wipe(void *p, size_t n)
{
	if (n)
		explicit_bzero(p, n);
}

void mem_free_secret(void *p, size_t n)
{
	if (p)
		mem_wipe(p, n);
	free(p);
}

static size_t whole_pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return n > SIZE_MAX - page ? 0 : (n + page - 1) / page * page;
}

void *secret_new(size_t n)
{
	size_t size = whole_pages(n ? n : 1);
	void *p = size ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
	if (p == MAP_FAILED)
		out_of_memory();
	madvise(p, size, MADV_DONTDUMP);
	mlock(p, size);                         /* RLIMIT_MEMLOCK may say no; the other protections stand */
	return p;
}

void secret_free(void *p, size_t n)
{
	if (p == NULL)
		return;
	size_t size = whole_pages(n ? n : 1);
	mem_wipe(p, size);
	munmap(p, size);
}
