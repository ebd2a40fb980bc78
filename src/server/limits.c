#include "server/limits.h"

#include "base/mem.h"

enum { CODE_GRACE = 3, CODE_CRASH = 4, CODE_AUTH = 5, CODE_REFUSED = 6, CODE_USER = 7, MINUTE = 60000 };

struct source {
	struct addr net;
	unsigned waiting;
	bool active;                                        /* the penalties have passed the minimum */
	uint64_t until;                                     /* ms; 0: none */
	const char *why;
};
struct log_rate { uint64_t since; unsigned n, suppressed; };
struct limits {
	struct conf_startups startups;
	struct conf_netblock block;
	struct conf_penalties penalties;
	char *exempt;
	unsigned per_source, waiting;
	struct source *sources;
	size_t n;
	struct log_rate log[2];
};

struct limits *limits_new(const struct sshd_conf *c)
{
	struct limits *l = mem_new(sizeof *l);
	struct buf exempt = BUF_INIT(1 << 16);
	for (size_t i = 0; i < c->per_source_penalty_exempt_list.n; i++)
		put_fmt(&exempt, "%s%s", i ? "," : "", c->per_source_penalty_exempt_list.v[i]);
	*l = (struct limits){.startups = c->max_startups, .block = c->per_source_net_block_size, .penalties = c->per_source_penalties,
		.per_source = (unsigned)c->per_source_max_startups, .exempt = mem_str(buf_cstr(&exempt))};
	buf_clear(&exempt);
	return l;
}

void limits_free(struct limits *l)
{
	if (l == NULL)
		return;
	mem_free(l->sources);
	mem_free(l->exempt);
	mem_free(l);
}

static struct addr network(const struct limits *l, const struct addr *source)
{
	struct addr a = *source;
	addr_unmap(&a);
	addr_mask(&a, (unsigned)(a.family == 4 ? l->block.v4 : l->block.v6));
	return a;
}

static struct source *find(struct limits *l, const struct addr *source)
{
	if (source->family == 0)
		return NULL;
	struct addr a = network(l, source);
	for (size_t i = 0; i < l->n; i++)
		if (addr_eq(&l->sources[i].net, &a))
			return &l->sources[i];
	return NULL;
}

static void forget_old(struct limits *l, uint64_t now)
{
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->sources[i].waiting || l->sources[i].until > now)
			l->sources[kept++] = l->sources[i];
	l->n = kept;
}

static struct source *find_or_add(struct limits *l, const struct addr *source)
{
	struct source *s = find(l, source);
	if (s || source->family == 0)
		return s;
	LIST_PUSH(l->sources, l->n, ((struct source){.net = network(l, source)}));
	return &l->sources[l->n - 1];
}

/* MaxStartups start:rate:full: the chance to be refused grows from rate to all. */
static bool early_drop(const struct limits *l, unsigned chance)
{
	const struct conf_startups *s = &l->startups;
	int waiting = (int)l->waiting;
	if (waiting < s->begin)
		return false;
	if (waiting >= s->full || s->rate == 100 || s->full <= s->begin)
		return true;
	int p = s->rate + (100 - s->rate) * (waiting - s->begin) / (s->full - s->begin);
	return (int)chance < p;
}

const char *limits_refuse(struct limits *l, const struct addr *source, unsigned chance, uint64_t now)
{
	const struct source *s = find(l, source);
	if (s && l->penalties.enabled && s->active && s->until > now)
		return s->why;
	if (early_drop(l, chance) || (s && l->per_source && s->waiting >= l->per_source))
		return "Maxstartups";
	return NULL;
}

void limits_begin(struct limits *l, const struct addr *source)
{
	struct source *s = find_or_add(l, source);
	l->waiting++;
	if (s)
		s->waiting++;
}

void limits_end(struct limits *l, const struct addr *source)
{
	struct source *s = find(l, source);
	if (l->waiting)
		l->waiting--;
	if (s && s->waiting)
		s->waiting--;
}

unsigned limits_waiting(const struct limits *l)
{
	return l->waiting;
}

static int seconds(const struct conf_penalties *p, int code, bool by_signal, const char **why)
{
	static const char *const words[] = {
		[0] = "penalty: connections without attempting authentication", [CODE_GRACE] = "penalty: exceeded LoginGraceTime",
		[CODE_CRASH] = "penalty: caused crash", [CODE_AUTH] = "penalty: failed authentication",
		[CODE_REFUSED] = "penalty: connection prohibited by RefuseConnection",
		[CODE_USER] = "penalty: attempted authentication by invalid user",
	};
	int known = by_signal ? CODE_CRASH : code >= CODE_GRACE && code <= CODE_USER ? code : 0;
	*why = words[known];
	switch (known) {
	case CODE_GRACE: return p->grace_exceeded;
	case CODE_CRASH: return p->crash;
	case CODE_AUTH: return p->authfail;
	case CODE_REFUSED: return p->refuseconnection;
	case CODE_USER: return p->invaliduser;
	default: return p->noauth;
	}
}

void limits_penalize(struct limits *l, const struct addr *source, int code, bool by_signal, uint64_t now)
{
	const char *why;
	int add = seconds(&l->penalties, code, by_signal, &why);
	forget_old(l, now);
	if (!l->penalties.enabled || add <= 0 || source->family == 0)
		return;
	struct buf text = BUF_INIT(128);
	put_addr(&text, source);
	bool exempt = l->exempt[0] && addr_match_list(buf_slice(&text), slice_str(l->exempt)) == 1;
	buf_clear(&text);
	int most = source->family == 4 ? l->penalties.max_sources4 : l->penalties.max_sources6;
	if (exempt || (l->n >= (size_t)most && find(l, source) == NULL))
		return;
	struct source *s = find_or_add(l, source);
	uint64_t from = s->until > now ? s->until : now, cap = now + (uint64_t)l->penalties.max * 1000;
	if (s->until <= now)
		s->active = false;
	s->until = from + (uint64_t)add * 1000 < cap ? from + (uint64_t)add * 1000 : cap;
	s->active |= s->until - now >= (uint64_t)l->penalties.min * 1000;
	s->why = why;
}

bool limits_may_log(struct limits *l, bool penalty, uint64_t now, unsigned *suppressed)
{
	struct log_rate *r = &l->log[penalty];
	if (now - r->since >= MINUTE)
		*r = (struct log_rate){.since = now, .suppressed = r->suppressed};
	if (++r->n > (penalty ? 8u : 4u)) {
		r->suppressed++;
		return false;
	}
	*suppressed = r->suppressed;
	r->suppressed = 0;
	return true;
}
