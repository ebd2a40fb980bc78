/* The bound: a bare read-seal-write loop over loopback TCP with our boxes, no protocol.
 *
 * Usage: loop CIPHER MIB     prints MB/s and CPU seconds per GiB of both ends together.
 * Child: reads the socket in 256 KiB, opens in place, writes payloads to /dev/null with writev.
 * Parent: packets of 32 KiB in one buffer, seals in place, one write a batch of eight.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "crypto/box.h"

enum { PAYLOAD = 32768, PACKET = 4 + PAYLOAD + 12, BATCH = 8 };

static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double cpu(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct box *make(const char *name, bool seal)
{
	static const uint8_t key[128] = {1, 2, 3};
	const struct box_alg *alg = box_find(slice_str(name));
	const struct mac_alg *mac = alg && alg->tag_len ? NULL : mac_find(SLICE_LIT("umac-64-etm@openssh.com"));
	if (alg == NULL)
		exit(2);
	return box_new(alg, mac, key, key, key, seal);
}

static void receive(int fd, const char *cipher, uint64_t packets)
{
	struct box *box = make(cipher, false);
	size_t tag = box_tag(box), whole = PACKET - (PACKET - 4) % box_block(box) + tag, have = 0;
	uint8_t *in = malloc(whole * BATCH * 2);
	int null = open("/dev/null", O_WRONLY);
	uint32_t seq = 0;
	while (seq < packets) {
		ssize_t n = read(fd, in + have, whole * BATCH * 2 - have);
		if (n <= 0)
			exit(1);
		have += (size_t)n;
		struct iovec iov[BATCH * 2];
		int count = 0;
		size_t at = 0;
		for (; have - at >= whole; at += whole) {
			uint32_t length = box_length(box, seq, in + at);
			if (length + 4 + tag != whole || !box_open(box, seq++, in + at, length + 4))
				exit(1);
			iov[count++] = (struct iovec){in + at + 14, PAYLOAD};
		}
		if (count && writev(null, iov, count) < 0)
			exit(1);
		memmove(in, in + at, have - at);
		have -= at;
	}
	box_free(box);
}

static void transmit(int fd, const char *cipher, uint64_t packets)
{
	struct box *box = make(cipher, true);
	size_t tag = box_tag(box), body = PACKET - (PACKET - 4) % box_block(box), whole = body + tag;
	uint8_t *out = calloc(BATCH, whole);
	int zero = open("/dev/zero", O_RDONLY);
	for (uint32_t seq = 0; seq < packets; seq += BATCH) {
		struct iovec iov[BATCH];
		for (size_t i = 0; i < BATCH; i++)
			iov[i] = (struct iovec){out + i * whole + 14, PAYLOAD};
		if (readv(zero, iov, BATCH) < 0)
			exit(1);
		for (uint32_t i = 0; i < BATCH; i++) {
			uint8_t *p = out + i * whole;
			store_u32(p, (uint32_t)body - 4);
			p[4] = (uint8_t)(body - 14 - PAYLOAD + 9);
			box_seal(box, seq + i, p, body);
		}
		for (size_t done = 0; done < whole * BATCH; ) {
			ssize_t n = write(fd, out + done, whole * BATCH - done);
			if (n <= 0)
				exit(1);
			done += (size_t)n;
		}
	}
	box_free(box);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return fprintf(stderr, "usage: loop CIPHER MIB\n"), 2;
	uint64_t packets = strtoull(argv[2], NULL, 10) * 32 / BATCH * BATCH;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, n) || listen(listener, 1) || getsockname(listener, (struct sockaddr *)&at, &n)
	    || connect(fd, (struct sockaddr *)&at, n))
		return perror("loop"), 1;
	int peer = accept(listener, NULL, NULL);
	double start = seconds();
	pid_t child = fork();
	if (child == 0) {
		receive(peer, argv[1], packets);
		_exit(0);
	}
	transmit(fd, argv[1], packets);
	int status;
	waitpid(child, &status, 0);
	double took = seconds() - start, bytes = (double)packets * PAYLOAD;
	printf("%.0f %.3f\n", bytes / took / 1e6, (cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN)) / (bytes / (1 << 30)));
	return status != 0;
}
