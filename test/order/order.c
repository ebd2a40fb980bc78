#include "test/order/order.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "core/packet.h"

static void replace(uint8_t *p, size_t n, const char *from, const char *to)
{
	uint8_t *at = n ? memmem(p, n, from, strlen(from)) : NULL;
	if (at)
		memcpy(at, to, strlen(to));
}

void order_loosen(struct ssh *ssh)
{
	const char *from = ssh->role == SSH_CLIENT ? "kex-strict-c" : "kex-strict-s", *to = "kex-street-x";
	replace(ssh->packet.out.p, ssh->packet.out.end, from, to);
	replace(ssh->kex.my_init.p, ssh->kex.my_init.len, from, to);
}

bool order_begin(struct order *o, int side, enum phase phase, bool strict)
{
	struct pair_setup setup = {.feed = FEED_BYTE};
	setup.ssh[side].trace = LOG_LEVEL_DEBUG3;
	setup.ssh[0].algs.kex = setup.ssh[1].algs.kex = "curve25519-sha256,diffie-hellman-group-exchange-sha256";
	o->pair = pair_new(&setup);
	o->side = side;
	o->ssh = o->pair->side[side].ssh;
	struct ssh *peer = o->pair->side[!side].ssh;
	pair_events(o->pair, side);
	for (int i = 0; i < 200000 && o->ssh->phase != phase; i++) {
		if (!strict)
			order_loosen(peer);
		if (!pair_move(o->pair, !side))
			pair_move(o->pair, side);
	}
	pair_events(o->pair, side);
	o->log_at = o->pair->side[side].log.len;
	if (o->ssh->phase != phase)
		printf("phase 0x%x instead of 0x%x: %s %s\n", (unsigned)o->ssh->phase, (unsigned)phase, o->pair->side[0].over_text, o->pair->side[1].over_text);
	return o->ssh->phase == phase;
}

void order_end(struct order *o)
{
	pair_free(o->pair);
	*o = (struct order){0};
}

void order_put(struct order *o, struct slice payload)
{
	o->log_at = o->pair->side[o->side].log.len;
	o->ssh->packet.in.seq++;
	if (o->ssh->phase != PHASE_OVER)
		rules_dispatch(o->ssh, payload);
	pair_events(o->pair, o->side);
}

bool order_sent(struct order *o, const char *message)
{
	const struct buf *log = &o->pair->side[o->side].log;
	char text[80];
	snprintf(text, sizeof text, "send packet: %s", message);
	return log->len > o->log_at && memmem(log->p + o->log_at, log->len - o->log_at, text, strlen(text));
}

/* Scripts. */

static const struct { const char *name; enum phase strict, loose; } phases[] = {
	{"kexinit", PHASE_FIRST_KEXINIT, PHASE_FIRST_KEXINIT}, {"kex", PHASE_KEX, PHASE_KEX_LOOSE},
	{"newkeys", PHASE_NEWKEYS, PHASE_NEWKEYS_LOOSE}, {"service", PHASE_SERVICE, PHASE_SERVICE},
	{"auth", PHASE_AUTH, PHASE_AUTH}, {"open", PHASE_OPEN, PHASE_OPEN},
};

struct script { struct order o; int side, line; bool strict, running; const char *path; bool bad; };

static void wrong(struct script *s, const char *why)
{
	const struct pair_side *side = s->running ? &s->o.pair->side[s->o.side] : NULL;
	printf("%s:%d: %s%s%s\n", s->path, s->line, why, side && side->over ? "; it ended: " : "", side ? side->over_text : "");
	s->bad = true;
}

static void begin_at(struct script *s, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
		if (strcmp(phases[i].name, name) != 0)
			continue;
		s->running = true;
		if (!order_begin(&s->o, s->side, s->strict ? phases[i].strict : phases[i].loose, s->strict))
			wrong(s, "the phase was not reached");
		return;
	}
	wrong(s, "no such phase");
}

static void put_hex_digits(struct buf *b, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2) {
		char two[3] = {hex[0], hex[1], 0};
		put_u8(b, (uint8_t)strtoul(two, NULL, 16));
	}
}

/* One field; *at moves behind it. */
static void put_script_field(struct script *s, struct buf *b, char **at)
{
	char *word = *at;
	if (*word == '"') {
		char *end = strchr(word + 1, '"');
		if (!end) {
			wrong(s, "a quote is missing");
			*at = word + strlen(word);
			return;
		}
		put_string(b, slice_of(word + 1, (size_t)(end - word - 1)));
		*at = end + 1;
		return;
	}
	*at += strcspn(word, " ");
	bool more = **at != 0;
	**at = 0;
	if (*word == '#')
		put_u32(b, (uint32_t)strtoul(word + 1, NULL, 10));
	else if (strncmp(word, "0x", 2) == 0)
		put_hex_digits(b, word + 2);
	else if (strcmp(word, "yes") == 0 || strcmp(word, "no") == 0)
		put_bool(b, *word == 'y');
	else
		wrong(s, "what kind of field is that?");
	*at += more;
}

static void put_line(struct script *s, char *text)
{
	struct buf b = BUF_INIT(64 * 1024);
	put_u8(&b, (uint8_t)strtoul(text, &text, 10));
	for (text += strspn(text, " "); *text && !s->bad; text += strspn(text, " "))
		put_script_field(s, &b, &text);
	if (!s->bad)
		order_put(&s->o, buf_slice(&b));
	buf_clear(&b);
}

static void expect_over(struct script *s, const char *text)
{
	const struct pair_side *side = &s->o.pair->side[s->o.side];
	char *rest;
	unsigned long reason = strtoul(text, &rest, 10);
	rest += strspn(rest, " ");
	if (!side->over)
		wrong(s, "it goes on");
	else if (side->reason != reason || !strstr(side->over_text, rest))
		wrong(s, "it ended otherwise");
}

static bool told(const struct pair_side *side, const char *name)
{
	return (strcmp(name, "AUTHED") == 0 && side->authed) || (strcmp(name, "KEXED") == 0 && side->kexed) ||
		(strcmp(name, "ASK") == 0 && side->asks) || (strcmp(name, "OPEN") == 0 && side->chan_told);
}

static void expect(struct script *s, char *text)
{
	if (strncmp(text, "over ", 5) == 0)
		expect_over(s, text + 5);
	else if (s->o.pair->side[s->o.side].over)
		wrong(s, "it should go on");
	else if (strncmp(text, "send ", 5) == 0 && !order_sent(&s->o, text + 5))
		wrong(s, "that was not sent");
	else if (strcmp(text, "nothing") == 0 && order_sent(&s->o, ""))
		wrong(s, "something was sent");
	else if (strncmp(text, "event ", 6) == 0 && !told(&s->o.pair->side[s->o.side], text + 6))
		wrong(s, "that was not told");
}

static void stop(struct script *s)
{
	if (s->running)
		order_end(&s->o);
	s->running = false;
}

static void run_line(struct script *s, char *line)
{
	if (strncmp(line, "side ", 5) == 0) {
		stop(s);
		s->side = strncmp(line + 5, "client", 6) == 0 ? PAIR_CLIENT : PAIR_SERVER;
		s->strict = !strstr(line, "loose");
	} else if (strncmp(line, "at ", 3) == 0) {
		begin_at(s, line + 3);
	} else if (line[0] == '>' && s->running) {
		put_line(s, line + 1 + strspn(line + 1, " "));
	} else if (line[0] == '<' && s->running) {
		expect(s, line + 1 + strspn(line + 1, " "));
	} else if (line[0] && line[0] != '#') {
		wrong(s, "not a line of a script");
	}
}

bool order_script(const char *path)
{
	struct script s = {.path = path};
	char line[2000];
	FILE *f = fopen(path, "r");
	if (!f) {
		printf("%s is not there\n", path);
		return false;
	}
	while (fgets(line, sizeof line, f)) {
		line[strcspn(line, "\n")] = 0;
		s.line++;
		run_line(&s, line);
		if (s.bad)
			break;
	}
	fclose(f);
	stop(&s);
	return !s.bad;
}
