#include "loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/fd.h"

struct world { struct loop *loop; struct loop_fd *a, *b; int hits, order[8]; int pair[2], other[2]; struct loop_timer t1, t2; struct loop_defer d; };

static void remove_both(void *arg, unsigned ready)
{
	struct world *w = arg;
	assert_true(ready & LOOP_READ);
	w->hits++;
	loop_fd_remove(w->a);
	loop_fd_remove(w->b);
	loop_stop(w->loop);
}

static void a_removed_descriptor_is_never_called(void **state)
{
	(void)state;
	struct world w = {.loop = loop_new()};
	assert_true(fd_pipe(w.pair, NULL));
	assert_true(fd_pipe(w.other, NULL));
	assert_int_equal(write(w.pair[1], "x", 1), 1);
	assert_int_equal(write(w.other[1], "x", 1), 1);
	w.a = loop_fd_add(w.loop, w.pair[0], LOOP_READ, remove_both, &w);
	w.b = loop_fd_add(w.loop, w.other[0], LOOP_READ, remove_both, &w);
	loop_run(w.loop);
	assert_int_equal(w.hits, 1);
	loop_run(w.loop);                                   /* nothing left: returns */
	assert_int_equal(w.hits, 1);
	loop_free(w.loop);
	for (int i = 0; i < 2; i++) {
		close(w.pair[i]);
		close(w.other[i]);
	}
}

static void note(struct world *w, int what)
{
	w->order[w->hits++] = what;
}

static void second(void *arg)
{
	note(arg, 2);
}

static void first(void *arg)
{
	struct world *w = arg;
	note(w, 1);
	loop_defer(&w->d);
	loop_defer(&w->d);
}

static void deferred(void *arg)
{
	note(arg, 3);
}

static void timers_run_in_order_and_defers_once(void **state)
{
	(void)state;
	struct world w = {.loop = loop_new()};
	loop_timer_init(&w.t1, w.loop, first, &w);
	loop_timer_init(&w.t2, w.loop, second, &w);
	loop_defer_init(&w.d, w.loop, deferred, &w);
	loop_timer_at(&w.t2, loop_now(w.loop));
	loop_timer_at(&w.t1, loop_now(w.loop) + 1000);
	loop_timer_at(&w.t1, loop_now(w.loop) - 1);
	loop_run(w.loop);
	assert_int_equal(w.hits, 3);
	assert_int_equal(w.order[0], 1);
	assert_int_equal(w.order[1], 2);
	assert_int_equal(w.order[2], 3);
	loop_free(w.loop);
}

static void child_ended(void *arg, pid_t pid, int status)
{
	struct world *w = arg;
	assert_true(pid > 0);
	w->hits = WEXITSTATUS(status);
	loop_stop(w->loop);
}

static void got_signal(void *arg, int signo)
{
	struct world *w = arg;
	w->order[0] = signo;
}

static void children_and_signals_arrive(void **state)
{
	(void)state;
	struct world w = {.loop = loop_new()};
	assert_true(loop_signal(w.loop, SIGUSR1, got_signal, &w));
	pid_t parent = getpid(), pid = fork();
	if (pid == 0) {
		kill(parent, SIGUSR1);
		_exit(42);
	}
	assert_true(loop_child(w.loop, pid, child_ended, &w));
	loop_run(w.loop);
	assert_int_equal(w.hits, 42);
	assert_int_equal(w.order[0], SIGUSR1);
	loop_free(w.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_removed_descriptor_is_never_called),
		cmocka_unit_test(timers_run_in_order_and_defers_once),
		cmocka_unit_test(children_and_signals_arrive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
