/* How fast the core alone is: client core to server core in memory, one copy between them in place
 * of the socket. No system call happens in the timed part.
 *
 *	bench-core [cipher [mac [MiB]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "test/pair/pair.h"

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static size_t send_rooms(struct pair *p, uint32_t chan)
{
	struct room rooms[64];
	size_t n = chan_space(p->side[0].ssh, chan, STREAM_OUT, rooms, ARRAY_LEN(rooms)), total = 0;
	for (size_t i = 0; i < n; i++)
		total += rooms[i].n;
	if (n)
		chan_commit(p->side[0].ssh, total);
	return total;
}

static void drain(struct pair *p)
{
	while (pair_move(p, 0))
		;
	while (pair_move(p, 1))
		;
}

static bool run(struct pair *p, uint64_t goal)
{
	if (!pair_login(p))
		return false;
	uint32_t chan = chan_open(p->side[0].ssh, "session", slice_of(NULL, 0));
	if (!pair_run(p) || p->side[0].opened != 1)
		return false;
	double seal = 0, move = 0, start = seconds();
	for (uint64_t sent = 0; sent < goal;) {
		double a = seconds();
		size_t n = send_rooms(p, chan);
		double b = seconds();
		drain(p);
		seal += b - a, move += seconds() - b;
		if (n == 0 && ssh_output(p->side[0].ssh).n == 0 && p->side[0].over)
			return false;
		sent += n;
	}
	double took = seconds() - start;
	const struct ssh_names *names = ssh_names(p->side[0].ssh);
	printf("%s %s: %.2f GB/s, %u data events; sealing %.2f GB/s, copy and opening %.2f GB/s\n", names->cipher_cs, names->mac_cs,
		(double)p->side[1].bytes_in / took / 1e9, p->side[1].data_events, (double)goal / seal / 1e9, (double)goal / move / 1e9);
	return p->side[1].bytes_in >= goal;
}

int main(int argc, char **argv)
{
	struct pair_setup setup = {.feed = FEED_WHOLE};
	for (int i = 0; i < 2; i++) {
		setup.ssh[i].algs.cipher_cs = argc > 1 ? argv[1] : "aes128-gcm@openssh.com";
		setup.ssh[i].algs.mac_cs = argc > 2 ? argv[2] : NULL;
	}
	uint64_t mib = argc > 3 ? strtoull(argv[3], NULL, 10) : 4096;
	crypto_start();
	struct pair *p = pair_new(&setup);
	bool ok = run(p, mib << 20);
	if (!ok)
		printf("failed: %s%s\n", p->side[0].over_text, p->side[1].over_text);
	pair_free(p);
	return ok ? 0 : 1;
}
