/* Memory: allocation that cannot fail, wiping, early returns.
 *
 * mem_new and friends end the process when memory runs out (rule: every size that a peer can
 * choose is capped before it comes here). secret_new gives whole pages that are locked where
 * allowed and left out of core dumps; secret_free wipes them.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

void *mem_new(size_t n);                                   /* zeroed; n == 0 gives a valid pointer */
void *mem_list(size_t count, size_t size);                 /* zeroed; checks the product */
void *mem_resize(void *p, size_t n);                       /* as realloc; new bytes are not zeroed */
void mem_free(void *p);
char *mem_str(const char *s);                              /* owned copy; NULL stays NULL */
char *mem_fmt(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void mem_wipe(void *p, size_t n);
void mem_free_secret(void *p, size_t n);                   /* wipes n bytes, then frees; NULL is fine */

_Noreturn void mem_abort(const char *why);                 /* the same end for other things that cannot fail: one line on stderr, then abort */

void *secret_new(size_t n);
void secret_free(void *p, size_t n);

/* AUTO(free_fn) T *x: free_fn(&x) runs at the end of the scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Grows list by one: LIST_PUSH(ptr, count, value). */
#define LIST_PUSH(list, count, value) \
	((list) = mem_resize((list), ((count) + 1) * sizeof(*(list))), (list)[(count)++] = (value))
/* The same for long lists: room, at first 0, is how many fit; it doubles. */
#define LIST_PUSH_ROOM(list, count, room, value) \
	((list) = (count) < (room) ? (list) : mem_resize((list), ((room) = (room) ? 2 * (room) : 8) * sizeof(*(list))), (list)[(count)++] = (value))

#endif
