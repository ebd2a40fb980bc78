/* A relay that delays bytes: every byte that goes in comes out `delay` milliseconds later, in both
 * directions, at any rate or at most at RATE. It stands in for a long path where the kernel has no netem.
 *
 * Usage: relay LISTEN_PORT TARGET_PORT DELAY_MS [RATE_MB_S]   (127.0.0.1 both; prints "ready" when it listens)
 *
 * The bytes wait in pipes and are moved by splice(2), never copied, so that the relay leaves the cores to
 * the two ends that are measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PARCELS = 1024, PAIRS = 64, CHUNK = 1 << 20, MERGE_US = 500, QUEUE_US = 20000 };

struct parcel { int pipe[2]; size_t n; uint64_t from, due; bool full; };
struct flow {                                               /* one direction: parcels [tail, head), each until it is due */
	int from, to;
	struct parcel parcels[PARCELS];
	uint64_t head, tail, wire_free;
	bool ended, shut;
};
struct pair { struct flow a, b; bool used; };
static uint64_t rate, delay;                                /* rate: bytes in a microsecond, which is MB/s; 0: any */
static struct { int pipe[2]; } idle[PARCELS];               /* the last used first: still in the caches */
static size_t idle_count;

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Every hop is loopback: no congestion control that paces (sock_pace_local does the same for our two ends). */
static int tuned(int fd)
{
	int one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
	return fd;
}

static struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static bool parcel_open(struct parcel *p, uint64_t now)
{
	*p = (struct parcel){.from = now};
	if (idle_count) {
		memcpy(p->pipe, idle[--idle_count].pipe, sizeof p->pipe);
		return true;
	}
	return pipe2(p->pipe, O_NONBLOCK) == 0;
}

static void parcel_close(struct parcel *p)
{
	if (p->n == 0 && idle_count < PARCELS) {
		memcpy(idle[idle_count++].pipe, p->pipe, sizeof p->pipe);
		return;
	}
	close(p->pipe[0]);
	close(p->pipe[1]);
}

static struct parcel *newest(struct flow *f)
{
	return f->head == f->tail ? NULL : &f->parcels[(f->head - 1) % PARCELS];
}

/* The parcel that takes what comes now: the newest one where it is young and has room, else another. */
static struct parcel *open_parcel(struct flow *f, uint64_t now)
{
	struct parcel *p = newest(f);
	if (p && !p->full && now - p->from < MERGE_US)
		return p;
	if (f->head - f->tail == PARCELS)
		return NULL;
	p = &f->parcels[f->head % PARCELS];
	if (!parcel_open(p, now))
		return NULL;
	f->head++;
	return p;
}

static void flow_read(struct flow *f, uint64_t now)
{
	struct parcel *p = open_parcel(f, now);
	if (!p)
		return;
	ssize_t got = splice(f->from, NULL, p->pipe[1], NULL, CHUNK, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		f->ended = true;
	p->full |= got < 0;                                 /* EAGAIN: it is the pipe that is full, for the socket was ready */
	if (got > 0)
		p->n += (size_t)got;
	p->due = now + delay;
	if (rate && got > 0)                                /* one after the other, as on a wire */
		f->wire_free = (f->wire_free > now ? f->wire_free : now) + (uint64_t)got / rate;
	if (rate && f->wire_free > now)
		p->due = f->wire_free + delay;
}

static void flow_write(struct flow *f, uint64_t now)
{
	while (f->tail != f->head && f->parcels[f->tail % PARCELS].due <= now) {
		struct parcel *p = &f->parcels[f->tail % PARCELS];
		ssize_t put = p->n ? splice(p->pipe[0], NULL, f->to, NULL, p->n, SPLICE_F_NONBLOCK | SPLICE_F_MOVE) : 0;
		if (put > 0)
			p->n -= (size_t)put;
		if (put < 0 && errno != EAGAIN && errno != EINTR)
			f->ended = true, p->n = 0;          /* nobody takes it any more */
		p->full = true;
		if (p->n)
			break;
		parcel_close(p);
		f->tail++;
	}
	if (f->ended && f->tail == f->head && !f->shut) {
		shutdown(f->to, SHUT_WR);
		f->shut = true;
	}
}

static void pair_open(struct pair *pairs, int listener, int target)
{
	struct sockaddr_in to = here(target);
	int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	if (client < 0)
		return;
	tuned(client);
	for (int i = 0; i < PAIRS; i++) {
		if (pairs[i].used)
			continue;
		int server = tuned(socket(AF_INET, SOCK_STREAM, 0));
		if (connect(server, (struct sockaddr *)&to, sizeof to) != 0) {
			close(server);
			break;
		}
		fcntl(server, F_SETFL, O_NONBLOCK);
		memset(&pairs[i], 0, sizeof pairs[i]);
		pairs[i].a.from = pairs[i].b.to = client;
		pairs[i].b.from = pairs[i].a.to = server;
		pairs[i].used = true;
		return;
	}
	close(client);
}

/* What to wait for, and until when. Two polls a flow, from polls[n] on. */
static void flow_watch(const struct flow *f, struct pollfd polls[2], uint64_t now, uint64_t *wake)
{
	bool waits = f->tail != f->head, late = waits && f->parcels[f->tail % PARCELS].due <= now;
	bool jam = rate && f->wire_free > now + QUEUE_US;
	bool reads = !f->ended && !jam && f->head - f->tail < PARCELS;
	polls[0] = (struct pollfd){.fd = reads ? f->from : -1, .events = POLLIN};
	polls[1] = (struct pollfd){.fd = late ? f->to : -1, .events = POLLOUT};
	if (waits && !late && f->parcels[f->tail % PARCELS].due < *wake)
		*wake = f->parcels[f->tail % PARCELS].due;
	if (jam && f->wire_free - QUEUE_US < *wake)
		*wake = f->wire_free - QUEUE_US;
}

static void pair_turn(struct pair *p, const struct pollfd polls[4], uint64_t now)
{
	if (polls[0].revents)
		flow_read(&p->a, now);
	if (polls[2].revents)
		flow_read(&p->b, now);
	flow_write(&p->a, now);
	flow_write(&p->b, now);
	if (p->a.shut && p->b.shut) {
		close(p->a.from);
		close(p->b.from);
		p->used = false;
	}
}

static void turn(struct pair *pairs, int listener, int target)
{
	struct pollfd polls[1 + PAIRS * 4] = {{.fd = listener, .events = POLLIN}};
	struct pair *of[PAIRS];
	size_t n = 0;
	uint64_t now = now_us(), wake = UINT64_MAX;
	for (int i = 0; i < PAIRS; i++) {
		if (!pairs[i].used)
			continue;
		flow_watch(&pairs[i].a, &polls[1 + n * 4], now, &wake);
		flow_watch(&pairs[i].b, &polls[3 + n * 4], now, &wake);
		of[n++] = &pairs[i];
	}
	uint64_t left = wake > now ? wake - now : 0;
	struct timespec wait = {.tv_sec = (time_t)(left / 1000000), .tv_nsec = (long)(left % 1000000) * 1000};
	if (ppoll(polls, 1 + n * 4, wake == UINT64_MAX ? NULL : &wait, NULL) < 0 && errno != EINTR)
		exit(1);
	now = now_us();
	for (size_t i = 0; i < n; i++)
		pair_turn(of[i], &polls[1 + i * 4], now);
	if (polls[0].revents)
		pair_open(pairs, listener, target);
}

int main(int argc, char **argv)
{
	static struct pair pairs[PAIRS];
	if (argc != 4 && argc != 5)
		return fprintf(stderr, "usage: relay LISTEN_PORT TARGET_PORT DELAY_MS [RATE_MB_S]\n"), 2;
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	signal(SIGPIPE, SIG_IGN);
	struct sockaddr_in at = here((int)strtol(argv[1], NULL, 10));
	int target = (int)strtol(argv[2], NULL, 10), listener = tuned(socket(AF_INET, SOCK_STREAM, 0));
	delay = strtoull(argv[3], NULL, 10) * 1000;
	rate = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
	if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0)
		return perror("relay"), 1;
	printf("ready\n");
	fflush(stdout);
	for (;;)
		turn(pairs, listener, target);
}
