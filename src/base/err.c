#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	if (e == NULL)
		return false;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	e->code = code;
	return false;
}

static enum err_code code_of(int number)
{
	switch (number) {
	case ENOENT: return ERR_MISSING;
	case EACCES:
	case EPERM: return ERR_DENIED;
	default: return ERR_SYSTEM;
	}
}

bool err_errno(struct err *e, const char *fmt, ...)
{
	int saved = errno;
	if (e == NULL)
		return false;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e->text, sizeof e->text, fmt, ap);
	va_end(ap);
	size_t n = strlen(e->text);
	snprintf(e->text + n, sizeof e->text - n, ": %s", strerror(saved));
	e->code = code_of(saved);
	errno = saved;
	return false;
}

bool err_prefix(struct err *e, const char *fmt, ...)
{
	if (e == NULL)
		return false;
	char old[sizeof e->text], head[sizeof e->text];
	va_list ap;
	memcpy(old, e->text, sizeof old);
	va_start(ap, fmt);
	vsnprintf(head, sizeof head, fmt, ap);
	va_end(ap);
	size_t n = strlen(head);
	memcpy(e->text, head, n + 1);
	snprintf(e->text + n, sizeof e->text - n, ": %s", old);
	return false;
}
