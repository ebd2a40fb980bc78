#include "tools/agent_serve.h"

#include <signal.h>

#include "base/log.h"
#include "base/mem.h"
#include "client/readpass.h"
#include "sys/clock.h"
#include "sys/fd.h"
#include "sys/process.h"

/* After n wrong passphrases in a row the next one is looked at n times this later. */
enum { UNLOCK_STEP_MS = 100, UNLOCK_STEPS = 100 };

static struct conn *first_waiting(const struct server *s, enum wait what)
{
	struct conn *first = NULL;
	for (struct conn *c = s->conns; c; c = c->next)
		if (c->wait == what && (first == NULL || c->turn < first->turn))
			first = c;
	return first;
}

static void ask_next(struct server *s);

static void on_answer(void *arg, pid_t pid, int status)
{
	struct server *s = arg;
	struct conn *c = s->asker;
	struct buf text = BUF_INIT_SECRET(1024);
	(void)pid;
	bool yes = askpass_end(&s->answer, status, &text) && askpass_is_yes(&text);
	buf_clear(&text);
	s->asking = 0;
	s->asker = NULL;
	if (c && !yes)
		log_info("use of a key was not confirmed");
	if (c)
		agent_waited(c, yes);
	ask_next(s);
}

/* Tail of every change: the oldest question goes to the screen. */
static void ask_next(struct server *s)
{
	struct conn *c;
	while (s->asking == 0 && (c = first_waiting(s, WAIT_CONFIRM)) != NULL) {
		struct err err = {0};
		pid_t pid = askpass_start(buf_cstr(&c->prompt), "confirm", &s->answer, &err);
		if (pid > 0 && loop_child(s->loop, pid, on_answer, s)) {
			s->asking = pid;
			s->asker = c;
		} else {
			log_info("use of a key cannot be confirmed: %s", err.text);
			agent_waited(c, false);
		}
	}
}

static void on_ask(void *arg)
{
	ask_next(arg);
}

static void on_unlock(void *arg)
{
	struct server *s = arg;
	struct conn *c = first_waiting(s, WAIT_UNLOCK);
	if (c)
		agent_waited(c, true);
	if (first_waiting(s, WAIT_UNLOCK))
		loop_timer_at(&s->unlock, s->unlock_at);
}

void agent_waits_init(struct server *s)
{
	s->answer = -1;
	loop_timer_init(&s->unlock, s->loop, on_unlock, s);
	loop_defer_init(&s->ask, s->loop, on_ask, s);
}

void agent_waits_clear(struct server *s)
{
	if (s->asking)
		proc_kill(s->asking, SIGTERM);
	fd_close(&s->answer);
	loop_timer_stop(&s->unlock);
	loop_defer_cancel(&s->ask);
}

void agent_wait(struct conn *c, enum wait what)
{
	c->wait = what;
	c->turn = ++c->s->turns;
	if (what == WAIT_CONFIRM)
		loop_defer(&c->s->ask);
}

void agent_wait_ends(struct conn *c)
{
	struct server *s = c->s;
	c->wait = WAIT_NOTHING;
	agent_link_leave(c);
	agent_sk_leave(c);
	if (s->asker == c) {
		s->asker = NULL;
		proc_kill(s->asking, SIGTERM);
	}
}

void agent_unlock_tried(struct server *s)
{
	unsigned wrong = agent_wrong_unlocks(s->agent);
	s->unlock_at = wrong ? clock_ms() + UNLOCK_STEP_MS * (wrong < UNLOCK_STEPS ? wrong : UNLOCK_STEPS) : 0;
}

bool agent_unlock_waits(struct conn *c)
{
	struct server *s = c->s;
	if (clock_ms() >= s->unlock_at)
		return false;
	agent_wait(c, WAIT_UNLOCK);
	loop_timer_at(&s->unlock, s->unlock_at);
	return true;
}
