/* libssh2 for the interop tests: client only. Usage: peer_libssh2 names | client WORD=VALUE ...
 * The words are those of Client.words(). Ends with the status of the command.
 */
#include <libssh2.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SESSIONS_MAX = 16, CHUNK = 1 << 16 };

struct bytes { char *p; size_t n, sent; };
struct job {
	char **words;
	LIBSSH2_SESSION *ssh;
	int fd;
	LIBSSH2_CHANNEL *channel[SESSIONS_MAX];
	struct bytes in[SESSIONS_MAX], out[SESSIONS_MAX];
	bool eof_sent[SESSIONS_MAX];
	size_t count;
};

static const char *word(char **words, const char *name)
{
	size_t n = strlen(name);
	for (; *words; words++)
		if (strncmp(*words, name, n) == 0 && (*words)[n] == '=')
			return *words + n + 1;
	return "";
}

static unsigned long number(char **words, const char *name)
{
	return strtoul(word(words, name), NULL, 10);
}

static _Noreturn void fail(struct job *j, const char *what)
{
	char *text = NULL;
	if (j->ssh)
		libssh2_session_last_error(j->ssh, &text, NULL, 0);
	fprintf(stderr, "%s: %s\n", what, text ? text : "");
	exit(255);
}

static const struct { int method; const char *kind; } methods[] = {
	{LIBSSH2_METHOD_KEX, "kex"}, {LIBSSH2_METHOD_HOSTKEY, "sig"}, {LIBSSH2_METHOD_CRYPT_CS, "cipher"}, {LIBSSH2_METHOD_CRYPT_SC, "cipher"},
	{LIBSSH2_METHOD_MAC_CS, "mac"}, {LIBSSH2_METHOD_MAC_SC, "mac"},
};
enum { METHODS = sizeof methods / sizeof methods[0] };

static void names(void)
{
	LIBSSH2_SESSION *s = libssh2_session_init();
	for (size_t i = 0; i < METHODS; i++) {
		const char **list;
		int n = libssh2_session_supported_algs(s, methods[i].method, &list);
		for (int k = 0; k < n; k++)
			printf("%s %s\n", methods[i].kind, list[k]);
		if (n > 0)
			libssh2_free(s, list);
	}
	libssh2_session_free(s);
}

static void grow(struct bytes *b, const char *p, size_t n)
{
	b->p = realloc(b->p, b->n + n);
	if (!b->p)
		abort();
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void dial(struct job *j)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)number(j->words, "port")), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	j->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (j->fd < 0 || connect(j->fd, (struct sockaddr *)&a, sizeof a) != 0)
		fail(j, "connect");
	j->ssh = libssh2_session_init_ex(NULL, NULL, NULL, j->words);
	for (size_t i = 0; i < METHODS; i++)
		if (*word(j->words, methods[i].kind) && libssh2_session_method_pref(j->ssh, methods[i].method, word(j->words, methods[i].kind)) != 0)
			fail(j, methods[i].kind);
	if (number(j->words, "zlib")) {
		libssh2_session_flag(j->ssh, LIBSSH2_FLAG_COMPRESS, 1);
		libssh2_session_method_pref(j->ssh, LIBSSH2_METHOD_COMP_CS, "zlib@openssh.com");
		libssh2_session_method_pref(j->ssh, LIBSSH2_METHOD_COMP_SC, "zlib@openssh.com");
	}
	if (libssh2_session_handshake(j->ssh, j->fd) != 0)
		fail(j, "handshake");
}

static void check_host(struct job *j)
{
	size_t n;
	int type;
	LIBSSH2_KNOWNHOSTS *hosts = libssh2_knownhost_init(j->ssh);
	const char *key = libssh2_session_hostkey(j->ssh, &n, &type);
	if (libssh2_knownhost_readfile(hosts, word(j->words, "hosts"), LIBSSH2_KNOWNHOST_FILE_OPENSSH) < 1)
		fail(j, "known hosts");
	if (libssh2_knownhost_checkp(hosts, "127.0.0.1", (int)number(j->words, "port"), key, n, LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW, NULL) !=
		LIBSSH2_KNOWNHOST_CHECK_MATCH)
		fail(j, "another host key");
	libssh2_knownhost_free(hosts);
}

static LIBSSH2_USERAUTH_KBDINT_RESPONSE_FUNC(answer)
{
	char **words = *abstract;
	(void)name, (void)name_len, (void)instruction, (void)instruction_len, (void)prompts;
	for (int i = 0; i < num_prompts; i++) {
		responses[i].text = strdup(word(words, "password"));
		responses[i].length = (unsigned)strlen(responses[i].text);
	}
}

static void login(struct job *j)
{
	const char *user = word(j->words, "user"), *key = word(j->words, "key"), *password = word(j->words, "password");
	char public[4096];
	int bad;
	snprintf(public, sizeof public, "%s.pub", key);
	if (*key)
		bad = libssh2_userauth_publickey_fromfile(j->ssh, user, public, key, NULL);
	else if (strcmp(word(j->words, "method"), "password") == 0)
		bad = libssh2_userauth_password(j->ssh, user, password);
	else
		bad = libssh2_userauth_keyboard_interactive(j->ssh, user, answer);
	if (bad)
		fail(j, "login");
}

static void begin(struct job *j, size_t i)
{
	unsigned window = (unsigned)number(j->words, "window"), packet = (unsigned)number(j->words, "packet");
	const char *command = word(j->words, "command");
	LIBSSH2_CHANNEL *c = libssh2_channel_open_ex(j->ssh, "session", 7, window ? window : LIBSSH2_CHANNEL_WINDOW_DEFAULT,
		packet ? packet : LIBSSH2_CHANNEL_PACKET_DEFAULT, NULL, 0);
	if (!c)
		fail(j, "channel");
	j->channel[i] = c;
	for (char **w = j->words; *w; w++) {
		char *value = strncmp(*w, "env=", 4) == 0 ? strchr(*w + 4, '=') : NULL;
		if (value)                                   /* a server may say no */
			libssh2_channel_setenv_ex(c, *w + 4, (unsigned)(value - *w - 4), value + 1, (unsigned)strlen(value + 1));
	}
	if (number(j->words, "pty") && libssh2_channel_request_pty(c, "vt100") != 0)
		fail(j, "pty");
	if (*command ? libssh2_channel_exec(c, command) : libssh2_channel_shell(c))
		fail(j, "exec");
}

/* False: nothing moved. */
static bool move(struct job *j, size_t i)
{
	LIBSSH2_CHANNEL *c = j->channel[i];
	struct bytes *in = &j->in[i];
	char chunk[CHUNK];
	bool moved = false;
	if (in->sent < in->n) {
		ssize_t n = libssh2_channel_write(c, in->p + in->sent, in->n - in->sent);
		if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
			fail(j, "write");
		in->sent += n > 0 ? (size_t)n : 0;
		moved |= n > 0;
	} else if (!j->eof_sent[i]) {
		j->eof_sent[i] = libssh2_channel_send_eof(c) == 0;
		moved = j->eof_sent[i];
	}
	for (int stream = 0; stream < 2; stream++) {
		ssize_t n = libssh2_channel_read_ex(c, stream, chunk, sizeof chunk);
		if (n < 0 && n != LIBSSH2_ERROR_EAGAIN)
			fail(j, "read");
		if (n > 0 && stream == 0)
			grow(&j->out[i], chunk, (size_t)n);
		else if (n > 0)
			fwrite(chunk, 1, (size_t)n, stderr);
		moved |= n > 0;
	}
	return moved;
}

static void talk(struct job *j)
{
	libssh2_session_set_blocking(j->ssh, 0);
	for (;;) {
		bool moved = false, over = true;
		for (size_t i = 0; i < j->count; i++) {
			moved |= move(j, i);
			over &= libssh2_channel_eof(j->channel[i]) == 1;
		}
		if (over && !moved)
			break;
		int ways = libssh2_session_block_directions(j->ssh);
		struct pollfd p = {.fd = j->fd, .events = (short)(POLLIN | (ways & LIBSSH2_SESSION_BLOCK_OUTBOUND ? POLLOUT : 0))};
		if (!moved)
			poll(&p, 1, 1000);
	}
	libssh2_session_set_blocking(j->ssh, 1);
}

static int client(struct job *j)
{
	int status = 0;
	char chunk[CHUNK];
	dial(j);
	check_host(j);
	login(j);
	j->count = number(j->words, "sessions");
	for (size_t i = 0; i < j->count && j->count > 1; i++)
		grow(&j->in[i], chunk, (size_t)snprintf(chunk, sizeof chunk, "number %zu\n", i));
	for (ssize_t n; j->count == 1 && (n = read(0, chunk, sizeof chunk)) > 0;)
		grow(&j->in[0], chunk, (size_t)n);
	for (size_t i = 0; i < j->count; i++)
		begin(j, i);
	talk(j);
	for (size_t i = 0; i < j->count; i++) {
		fwrite(j->out[i].p, 1, j->out[i].n, stdout);
		if (libssh2_channel_close(j->channel[i]) != 0 || libssh2_channel_wait_closed(j->channel[i]) != 0)
			fail(j, "close");
		int s = libssh2_channel_get_exit_status(j->channel[i]);
		status = s > status ? s : status;
		libssh2_channel_free(j->channel[i]);
	}
	libssh2_session_disconnect(j->ssh, "done");
	libssh2_session_free(j->ssh);
	return status;
}

int main(int argc, char **argv)
{
	if (argc < 2 || libssh2_init(0) != 0)
		return 255;
	if (strcmp(argv[1], "names") == 0) {
		names();
		return 0;
	}
	static struct job job;
	job.words = argv + 2;
	return client(&job);
}
