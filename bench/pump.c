/* A plain TCP stream with the work around it that ssh and sshd have: a command writes into a pipe, one
 * process reads that and writes to a socket; at the other end one reads the socket and writes into a pipe.
 *
 * Usage: pump listen PORT COMMAND ...   the command's output goes to the first that connects; prints "ready"
 *        pump connect PORT              what comes goes to standard output        (127.0.0.1)
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, PIPE = 1 << 20 };

static int copy(int from, int to)
{
	char *p = malloc(CHUNK);
	ssize_t n;
	while ((n = read(from, p, CHUNK)) > 0)
		for (ssize_t done = 0; done < n;) {
			ssize_t put = write(to, p + done, (size_t)(n - done));
			if (put <= 0)
				return perror("pump"), 1;
			done += put;
		}
	free(p);
	return n < 0;
}

static void tune(int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4);
}

static int serve(int listener, char **command)
{
	int s = accept(listener, NULL, NULL), p[2];
	if (s < 0 || pipe(p) != 0)
		return perror("pump"), 1;
	tune(s);
	fcntl(p[0], F_SETPIPE_SZ, PIPE);
	if (fork() == 0) {
		dup2(p[1], 1);
		execvp(command[0], command);
		_exit(127);
	}
	close(p[1]);
	int bad = copy(p[0], s);
	shutdown(s, SHUT_WR);
	wait(NULL);
	return bad;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return fprintf(stderr, "usage: pump listen PORT COMMAND ... | pump connect PORT\n"), 2;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)strtol(argv[2], NULL, 10)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	tune(fd);
	if (strcmp(argv[1], "listen") == 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 1) != 0)
			return perror("pump"), 1;
		printf("ready\n");
		fflush(stdout);
		return serve(fd, argv + 3);
	}
	if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
		return perror("pump"), 1;
	fcntl(1, F_SETPIPE_SZ, PIPE);
	return copy(fd, 1);
}
