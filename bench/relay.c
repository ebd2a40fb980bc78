/* A relay that delays bytes: every byte that goes in comes out `delay` milliseconds later, in both
 * directions, at any rate or at most at RATE. It stands in for a long path where the kernel has no netem.
 *
 * Usage: relay LISTEN_PORT TARGET_PORT DELAY_MS [RATE_MB_S]   (127.0.0.1 both; prints "ready" when it listens)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RING = 512 << 20, STAMPS = 1 << 16, PAIRS = 64, CHUNK = 1 << 18, QUEUE_US = 20000 };

struct stamp { uint64_t end, due; };
struct flow {                                               /* one direction: a ring of bytes and when they may leave */
	int from, to;
	uint8_t *ring;
	uint64_t in, out, ready;                            /* positions since the start */
	struct stamp stamps[STAMPS];
	uint64_t head, tail, wire_free;
	bool ended, shut;
};
struct pair { struct flow a, b; bool used; };
static uint64_t rate;                                       /* bytes in a microsecond, which is MB/s; 0: any */

static uint64_t now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int tcp(void)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

static struct sockaddr_in here(int port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void flow_init(struct flow *f, int from, int to)
{
	uint8_t *ring = f->ring ? f->ring : malloc(RING);
	memset(f, 0, sizeof *f);
	f->ring = ring;
	f->from = from;
	f->to = to;
	fcntl(from, F_SETFL, O_NONBLOCK);
}

static void flow_read(struct flow *f, uint64_t now, uint64_t delay)
{
	uint64_t at = f->in % RING, room = RING - (f->in - f->out);
	size_t n = RING - at < room ? RING - at : room;
	if (n > CHUNK)
		n = CHUNK;
	if (n == 0 || f->head - f->tail == STAMPS)
		return;
	ssize_t got = read(f->from, f->ring + at, n);
	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		f->ended = true;
	if (got <= 0)
		return;
	f->in += (uint64_t)got;
	uint64_t due = now + delay;
	if (rate) {                                         /* one after the other, as on a wire */
		f->wire_free = (f->wire_free > now ? f->wire_free : now) + (uint64_t)got / rate;
		due = f->wire_free + delay;
	}
	f->stamps[f->head++ % STAMPS] = (struct stamp){f->in, due};
}

static void flow_write(struct flow *f, uint64_t now)
{
	while (f->tail != f->head && f->stamps[f->tail % STAMPS].due <= now)
		f->ready = f->stamps[f->tail++ % STAMPS].end;
	while (f->out < f->ready) {
		uint64_t at = f->out % RING;
		size_t n = f->ready - f->out < RING - at ? f->ready - f->out : RING - at;
		ssize_t put = write(f->to, f->ring + at, n);
		if (put <= 0)
			break;
		f->out += (uint64_t)put;
	}
	if (f->ended && f->out == f->in && !f->shut) {
		shutdown(f->to, SHUT_WR);
		f->shut = true;
	}
}

static int flow_wait(const struct flow *f, uint64_t now)
{
	if (f->tail == f->head)
		return -1;
	uint64_t due = f->stamps[f->tail % STAMPS].due;
	return due <= now ? 0 : (int)((due - now + 999) / 1000);
}

static void pair_open(struct pair *pairs, int listener, int target)
{
	struct sockaddr_in to = here(target);
	int client = accept(listener, NULL, NULL), one = 1;
	if (client < 0)
		return;
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	for (int i = 0; i < PAIRS; i++) {
		if (pairs[i].used)
			continue;
		int server = tcp();
		if (connect(server, (struct sockaddr *)&to, sizeof to) != 0) {
			close(server);
			break;
		}
		flow_init(&pairs[i].a, client, server);
		flow_init(&pairs[i].b, server, client);
		pairs[i].used = true;
		return;
	}
	close(client);
}

static size_t watch(struct pair *pairs, struct pollfd *polls, int *timeout, uint64_t now)
{
	size_t n = 1;
	for (int i = 0; i < PAIRS; i++) {
		struct flow *flows[] = {&pairs[i].a, &pairs[i].b};
		for (int k = 0; k < 2; k++) {
			struct flow *f = flows[k];
			int wait = pairs[i].used ? flow_wait(f, now) : -1;
			bool jam = rate && f->wire_free > now + QUEUE_US;
			bool reads = pairs[i].used && !f->ended && !jam && f->in - f->out < RING;
			polls[n++] = (struct pollfd){.fd = reads ? f->from : -1, .events = POLLIN};
			polls[n++] = (struct pollfd){.fd = pairs[i].used && f->out < f->ready ? f->to : -1, .events = POLLOUT};
			if (jam && (wait < 0 || wait > 1))
				wait = 1;
			if (wait >= 0 && (*timeout < 0 || wait < *timeout))
				*timeout = wait;
		}
	}
	return n;
}

int main(int argc, char **argv)
{
	static struct pair pairs[PAIRS];
	static struct pollfd polls[1 + PAIRS * 4];
	if (argc != 4 && argc != 5)
		return fprintf(stderr, "usage: relay LISTEN_PORT TARGET_PORT DELAY_MS [RATE_MB_S]\n"), 2;
	struct sockaddr_in at = here((int)strtol(argv[1], NULL, 10));
	int target = (int)strtol(argv[2], NULL, 10), listener = tcp();
	uint64_t delay = strtoull(argv[3], NULL, 10) * 1000;
	rate = argc == 5 ? strtoull(argv[4], NULL, 10) : 0;
	if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 64) != 0)
		return perror("relay"), 1;
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int timeout = -1;
		size_t n = watch(pairs, polls, &timeout, now_us());
		polls[0] = (struct pollfd){.fd = listener, .events = POLLIN};
		if (poll(polls, (nfds_t)n, timeout) < 0 && errno != EINTR)
			return 1;
		if (polls[0].revents)
			pair_open(pairs, listener, target);
		uint64_t now = now_us();
		for (int i = 0; i < PAIRS; i++) {
			if (!pairs[i].used)
				continue;
			if (polls[1 + i * 4].revents)
				flow_read(&pairs[i].a, now, delay);
			if (polls[3 + i * 4].revents)
				flow_read(&pairs[i].b, now, delay);
			flow_write(&pairs[i].a, now);
			flow_write(&pairs[i].b, now);
			if (pairs[i].a.shut && pairs[i].b.shut) {
				close(pairs[i].a.from);
				close(pairs[i].b.from);
				pairs[i].used = false;
			}
		}
	}
}
