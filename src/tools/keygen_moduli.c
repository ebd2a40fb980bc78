/* ssh-keygen -M: groups for Diffie-Hellman group exchange, in two steps (moduli(5)). */
#include "tools/keygen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "crypto/safeprime.h"
#include "sys/clock.h"
#include "sys/files.h"

/* moduli(5): what the number of a line is, and how it was tested. */
enum { TYPE_SAFE = 2, TYPE_SOPHIE_GERMAIN = 4, TEST_SIEVE = 2, TEST_MILLER_RABIN = 4, TEST_COMPOSITE = 1 };
enum { ROUNDS = 100, ROUNDS_MIN = 4, ROUNDS_MAX = 100000, LINE_MAX_BYTES = 16384, CHECKPOINT_MS = 1000 };

struct moduli {
	struct keygen *k;
	const char *out_path, *checkpoint;
	struct buf start;
	uint64_t bits, lines, start_line, generator, rounds;
	uint64_t began, said, saved;                        /* clock_ms */
	bool tty;
};

struct candidate { uint64_t type, tests, trials, size, generator; struct slice hex; };

static bool from_hex(struct slice hex, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t i = 0; i < hex.n; i++) {
		const char *d = hex.p[i] ? strchr(digits, hex.p[i] >= 'A' && hex.p[i] <= 'F' ? hex.p[i] | 32 : hex.p[i]) : NULL;
		if (!d)
			return false;
		if ((hex.n - i) % 2 == 0 || i == 0)
			put_u8(out, (uint8_t)(d - digits));
		else
			out->p[out->len - 1] = (uint8_t)(out->p[out->len - 1] << 4 | (d - digits));
	}
	return hex.n > 0 && !out->bad;
}

static void put_line(FILE *f, unsigned type, unsigned tests, unsigned trials, size_t bits, unsigned generator, struct slice number)
{
	char stamp[32];
	time_t now = (time_t)clock_wall();
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%d%H%M%S", &tm);
	fprintf(f, "%s %u %u %u %zu %u ", stamp, type, tests, trials, bits - 1, generator);   /* bits count from 0 in this file */
	for (size_t i = 0; i < number.n; i++)
		fprintf(f, "%02X", number.p[i]);
	fputc('\n', f);
}

/* On a terminal one line that changes; elsewhere one now and then. */
static void say_progress(struct moduli *m, const char *what, uint64_t done, uint64_t all)
{
	uint64_t now = clock_ms(), spent = now - m->began;
	if (m->k->quiet || now - m->said < (m->tty ? 500u : 300000u) || done == 0)
		return;
	m->said = now;
	uint64_t left = all > done ? spent / done * (all - done) / 1000 : 0;
	fprintf(stderr, "%s%s %llu of %llu (%llu%%) in %llu s, about %llu:%02llu:%02llu to go%s", m->tty ? "\r" : "", what, (unsigned long long)done,
		(unsigned long long)all, (unsigned long long)(all ? done * 100 / all : 0), (unsigned long long)(spent / 1000),
		(unsigned long long)(left / 3600), (unsigned long long)(left / 60 % 60), (unsigned long long)(left % 60), m->tty ? "\033[K" : "\n");
}

static void end_progress(const struct moduli *m)
{
	if (m->tty && m->said != m->began && !m->k->quiet)
		fputs("\r\033[K", stderr);
}

static int complain(const struct moduli *m, const char *path)
{
	fprintf(stderr, "%s: %s: %s\n", m->k->program, text_show(slice_str(path)), strerror(errno));
	return KEYGEN_FAILED;
}

static int write_candidates(struct moduli *m, struct safeprime_sieve *s, FILE *f)
{
	struct buf q = BUF_INIT(LINE_MAX_BYTES);
	unsigned percent = 0;
	size_t n = 0;
	while (safeprime_sieve_step(s, &percent))
		say_progress(m, "sieved by primes, percent:", percent, 100);
	end_progress(m);
	for (; safeprime_sieve_next(s, &q); n++) {
		put_line(f, TYPE_SOPHIE_GERMAIN, TEST_SIEVE, 0, safeprime_bits(buf_slice(&q)), 0, buf_slice(&q));
		buf_reset(&q);
	}
	buf_clear(&q);
	if (!m->k->quiet)
		fprintf(stderr, "Found %zu candidates for %llu bits; test them with -M screen\n", n, (unsigned long long)m->bits);
	return KEYGEN_OK;
}

static int generate(struct moduli *m)
{
	if (m->bits < SAFEPRIME_BITS_MIN + 1 || m->bits > SAFEPRIME_BITS_MAX) {
		fprintf(stderr, "%s: -O bits=%llu: give %d to %d\n", m->k->program, (unsigned long long)m->bits, SAFEPRIME_BITS_MIN + 1, SAFEPRIME_BITS_MAX);
		return KEYGEN_FAILED;
	}
	struct safeprime_sieve *s = safeprime_sieve_new((unsigned)m->bits, buf_slice(&m->start));
	if (!s) {
		fprintf(stderr, "%s: -O start: the number must have %llu bits\n", m->k->program, (unsigned long long)m->bits - 1);
		return KEYGEN_FAILED;
	}
	FILE *f = fopen(m->out_path, "we");
	if (!f) {
		safeprime_sieve_free(s);
		return complain(m, m->out_path);
	}
	int status = write_candidates(m, s, f);
	safeprime_sieve_free(s);
	return fclose(f) == 0 ? status : complain(m, m->out_path);
}

static bool parse(struct slice text, struct candidate *c)
{
	struct slice rest = slice_trim(text), word;
	if (rest.n == 0 || rest.p[0] == '#')
		return false;
	slice_word(&rest);                                  /* the time it was made */
	uint64_t *const field[] = {&c->type, &c->tests, &c->trials, &c->size};
	for (size_t i = 0; i < ARRAY_LEN(field); i++)
		if (!slice_to_u64(slice_word(&rest), field[i]))
			return false;
	struct buf g = BUF_INIT(8);
	word = slice_word(&rest);
	bool ok = word.n <= 8 && from_hex(word, &g);
	c->generator = 0;
	for (size_t i = 0; i < g.len; i++)
		c->generator = c->generator << 8 | g.p[i];
	buf_clear(&g);
	c->hex = slice_word(&rest);
	return ok && rest.n == 0 && c->hex.n > 0 && !(c->tests & TEST_COMPOSITE);
}

/* p of the line, where its numbers agree. */
static bool take_number(const struct candidate *c, struct buf *p)
{
	struct buf number = BUF_INIT(SAFEPRIME_BITS_MAX / 8 + 8);
	uint64_t size = c->size + (c->type == TYPE_SOPHIE_GERMAIN);
	bool ok = from_hex(c->hex, &number) && number.len <= SAFEPRIME_BITS_MAX / 8;
	if (ok && c->type == TYPE_SOPHIE_GERMAIN)
		safeprime_from_q(buf_slice(&number), p);
	else if (ok)
		put_bytes(p, buf_slice(&number));
	buf_clear(&number);
	return ok && safeprime_bits(buf_slice(p)) == size + 1;
}

/* 1: one more group. */
static size_t screen_line(struct moduli *m, struct slice text, FILE *out)
{
	struct candidate c;
	struct buf p = BUF_INIT(LINE_MAX_BYTES);
	size_t found = 0;
	if (parse(text, &c) && take_number(&c, &p)) {
		unsigned g = c.generator ? (unsigned)c.generator : safeprime_generator(buf_slice(&p));
		bool wanted = g && (m->generator == 0 || m->generator == g);
		if (wanted && safeprime_test(buf_slice(&p), (unsigned)m->rounds)) {
			put_line(out, TYPE_SAFE, (unsigned)c.tests | TEST_MILLER_RABIN, (unsigned)(c.trials + m->rounds), safeprime_bits(buf_slice(&p)), g, buf_slice(&p));
			fflush(out);
			found = 1;
		}
	}
	buf_clear(&p);
	return found;
}

static bool save_point(struct moduli *m, uint64_t line, bool now, struct err *err)
{
	char text[32];
	uint64_t clock = clock_ms();
	if (!m->checkpoint || (!now && clock - m->saved < CHECKPOINT_MS))
		return true;
	m->saved = clock;
	snprintf(text, sizeof text, "%llu\n", (unsigned long long)line);
	return file_write(m->checkpoint, slice_str(text), 0600, err);
}

static bool load_point(const struct moduli *m, uint64_t *line, struct err *err)
{
	struct buf text = BUF_INIT(64);
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = 32};
	*line = 0;
	if (!m->checkpoint || !file_exists(m->checkpoint))
		return true;
	bool ok = file_read(m->checkpoint, &policy, &text, err) &&
		(slice_to_u64(slice_trim(buf_slice(&text)), line) || err_set(err, ERR_FORMAT, "%s is no checkpoint; remove it to begin anew", text_show(slice_str(m->checkpoint))));
	buf_clear(&text);
	return ok;
}

static uint64_t count_lines(FILE *in)
{
	uint64_t n = 0;
	long at = ftell(in);
	for (int c; at >= 0 && (c = getc(in)) != EOF;)
		n += c == '\n';
	if (at >= 0 && fseek(in, at, SEEK_SET) < 0)
		n = 0;
	clearerr(in);
	return n;
}

static int screen_all(struct moduli *m, FILE *in, FILE *out)
{
	struct err err = {0};
	uint64_t first, at = 0, end = UINT64_MAX;
	size_t tried = 0, found = 0, room = 0;
	char *line = NULL;
	ssize_t n;
	if (!load_point(m, &first, &err))
		return keygen_fail(m->k, &err);
	first = first > m->start_line ? first : m->start_line;
	if (m->lines)
		end = first + m->lines;
	uint64_t all = m->k->quiet || in == stdin ? 0 : count_lines(in);
	all = all > end ? end : all;
	bool ok = true;
	while (ok && (n = getline(&line, &room, in)) >= 0 && ++at <= end) {
		if (at <= first)
			continue;
		size_t more = n < LINE_MAX_BYTES ? screen_line(m, slice_of(line, (size_t)n), out) : 0;
		tried++, found += more;
		say_progress(m, "screened", at - first, all > first ? all - first : 0);
		ok = save_point(m, at, more > 0, &err);
	}
	mem_free(line);
	end_progress(m);
	if (!ok)
		return keygen_fail(m->k, &err);
	if (m->checkpoint)
		unlink(m->checkpoint);
	if (!m->k->quiet)
		fprintf(stderr, "Found %zu safe primes of %zu candidates in %llu seconds\n", found, tried, (unsigned long long)(clock_ms() - m->began) / 1000);
	return KEYGEN_OK;
}

static int screen(struct moduli *m)
{
	bool standard = m->k->file == NULL || strcmp(m->k->file, "-") == 0;
	FILE *in = standard ? stdin : fopen(m->k->file, "re");
	if (!in)
		return complain(m, m->k->file);
	FILE *out = fopen(m->out_path, "ae");
	int status = out ? screen_all(m, in, out) : complain(m, m->out_path);
	if (out && fclose(out) != 0)
		status = complain(m, m->out_path);
	if (!standard)
		fclose(in);
	return status;
}

static bool take_option(struct moduli *m, const char *text, bool screening, struct err *err)
{
	const struct { const char *name; bool screening; uint64_t *number; uint64_t least, most; } rows[] = {
		{"bits", false, &m->bits, 1, UINT32_MAX}, {"lines", true, &m->lines, 1, UINT32_MAX}, {"start-line", true, &m->start_line, 0, UINT32_MAX},
		{"generator", true, &m->generator, 2, 255}, {"prime-tests", true, &m->rounds, ROUNDS_MIN, ROUNDS_MAX},
	};
	struct slice value = slice_str(text), name = slice_cut(&value, '=');
	if (!screening && slice_eq_fold(name, SLICE_LIT("start")))
		return from_hex(value, &m->start) || err_set(err, ERR_USAGE, "-O start wants a hexadecimal number");
	if (screening && slice_eq_fold(name, SLICE_LIT("checkpoint")) && value.n) {
		m->checkpoint = text + strlen("checkpoint=");
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].screening != screening || !slice_eq_fold(name, slice_str(rows[i].name)))
			continue;
		if (slice_to_u64(value, rows[i].number) && *rows[i].number >= rows[i].least && *rows[i].number <= rows[i].most)
			return true;
		return err_set(err, ERR_USAGE, "-O %s: give a number from %llu to %llu", rows[i].name, (unsigned long long)rows[i].least,
			(unsigned long long)rows[i].most);
	}
	return err_set(err, ERR_USAGE, "Option \"%s\" is unsupported for moduli %s", text_show(slice_str(text)), screening ? "screening" : "generation");
}

int keygen_moduli(struct keygen *k)
{
	struct moduli m = {.k = k, .start = BUF_INIT(SAFEPRIME_BITS_MAX / 8), .bits = 0, .rounds = ROUNDS, .began = clock_ms(), .tty = isatty(STDERR_FILENO)};
	m.said = m.began;
	struct err err = {0};
	bool screening = strcmp(k->step, "screen") == 0;
	bool ok = screening || strcmp(k->step, "generate") == 0 || err_set(&err, ERR_USAGE, "Unsupported moduli option %s", text_show(slice_str(k->step)));
	if (ok && k->nargs != 1)
		ok = err_set(&err, ERR_USAGE, k->nargs ? "Too many output files specified" : "No output file specified");
	m.bits = k->bits ? k->bits : 3072;
	for (size_t i = 0; ok && i < k->noptions; i++)
		ok = take_option(&m, k->option[i], screening, &err);
	m.out_path = k->nargs ? k->arg[0] : NULL;
	int status = !ok ? keygen_fail(k, &err) : screening ? screen(&m) : generate(&m);
	buf_clear(&m.start);
	return status;
}
