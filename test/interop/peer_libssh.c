/* libssh for the interop tests. Usage: peer_libssh names KIND=NAME ... | client WORD=VALUE ... | server WORD=VALUE ...
 * The words are those of Client.words() and Program.serve(). A client ends with the status of the command;
 * a server is one process for each connection, with one session in it. names says which of the names it takes.
 */
#define LIBSSH_LEGACY_0_4                /* its messages: only they know keyboard-interactive on the server */
#include <libssh/libssh.h>
#include <libssh/server.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SESSIONS_MAX = 16, CHUNK = 1 << 15 };

struct bytes { char *p; size_t n, sent; };

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

static _Noreturn void fail(void *ssh, const char *what)
{
	fprintf(stderr, "%s: %s\n", what, ssh ? ssh_get_error(ssh) : "");
	exit(255);
}

static const struct { const char *kind; enum ssh_options_e client[2]; enum ssh_bind_options_e server[2]; } lists[] = {
	{"kex", {SSH_OPTIONS_KEY_EXCHANGE, SSH_OPTIONS_KEY_EXCHANGE}, {SSH_BIND_OPTIONS_KEY_EXCHANGE, SSH_BIND_OPTIONS_KEY_EXCHANGE}},
	{"sig", {SSH_OPTIONS_HOSTKEYS, SSH_OPTIONS_HOSTKEYS}, {SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS}},
	{"cipher", {SSH_OPTIONS_CIPHERS_C_S, SSH_OPTIONS_CIPHERS_S_C}, {SSH_BIND_OPTIONS_CIPHERS_C_S, SSH_BIND_OPTIONS_CIPHERS_S_C}},
	{"mac", {SSH_OPTIONS_HMAC_C_S, SSH_OPTIONS_HMAC_S_C}, {SSH_BIND_OPTIONS_HMAC_C_S, SSH_BIND_OPTIONS_HMAC_S_C}},
};
enum { LISTS = sizeof lists / sizeof lists[0] };

static void names(char **words)
{
	for (; *words; words++) {
		char kind[16], name[100];
		if (sscanf(*words, "%15[^=]=%99s", kind, name) != 2)
			continue;
		for (size_t i = 0; i < LISTS; i++) {
			ssh_session s = ssh_new();
			ssh_bind b = ssh_bind_new();
			if (strcmp(kind, lists[i].kind) == 0 && ssh_options_set(s, lists[i].client[0], name) == 0)
				printf("client %s %s\n", kind, name);
			if (strcmp(kind, lists[i].kind) == 0 && ssh_bind_options_set(b, lists[i].server[0], name) == 0)
				printf("server %s %s\n", kind, name);
			ssh_free(s);
			ssh_bind_free(b);
		}
	}
}

static void grow(struct bytes *b, const char *p, size_t n)
{
	b->p = realloc(b->p, b->n + n);
	if (!b->p)
		abort();
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

/* The client. */

struct job {
	char **words;
	ssh_session ssh;
	ssh_channel channel[SESSIONS_MAX];
	struct bytes in[SESSIONS_MAX], out[SESSIONS_MAX];
	bool eof_sent[SESSIONS_MAX];
	size_t count;
};

static void dial(struct job *j)
{
	bool no = false;
	uint64_t rekey = number(j->words, "rekey");
	j->ssh = ssh_new();
	ssh_options_set(j->ssh, SSH_OPTIONS_PROCESS_CONFIG, &no);
	ssh_options_set(j->ssh, SSH_OPTIONS_HOST, "127.0.0.1");
	ssh_options_set(j->ssh, SSH_OPTIONS_PORT_STR, word(j->words, "port"));
	ssh_options_set(j->ssh, SSH_OPTIONS_USER, word(j->words, "user"));
	ssh_options_set(j->ssh, SSH_OPTIONS_KNOWNHOSTS, word(j->words, "hosts"));
	ssh_options_set(j->ssh, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
	if (rekey)
		ssh_options_set(j->ssh, SSH_OPTIONS_REKEY_DATA, &rekey);
	if (number(j->words, "zlib"))
		ssh_options_set(j->ssh, SSH_OPTIONS_COMPRESSION, "zlib@openssh.com");
	for (size_t i = 0; i < 2 * LISTS; i++) {
		const char *names = word(j->words, lists[i / 2].kind);
		if (*names && ssh_options_set(j->ssh, lists[i / 2].client[i % 2], names) != 0)
			fail(j->ssh, names);
	}
	if (ssh_connect(j->ssh) != SSH_OK)
		fail(j->ssh, "connect");
	if (ssh_session_is_known_server(j->ssh) != SSH_KNOWN_HOSTS_OK)
		fail(j->ssh, "another host key");
}

static int answer(struct job *j)
{
	int r;
	while ((r = ssh_userauth_kbdint(j->ssh, NULL, NULL)) == SSH_AUTH_INFO)
		for (int i = 0; i < ssh_userauth_kbdint_getnprompts(j->ssh); i++)
			ssh_userauth_kbdint_setanswer(j->ssh, (unsigned)i, word(j->words, "password"));
	return r;
}

static void login(struct job *j)
{
	const char *path = word(j->words, "key"), *certificate = word(j->words, "certificate");
	ssh_key key = NULL, cert = NULL;
	int r;
	if (*path && ssh_pki_import_privkey_file(path, NULL, NULL, NULL, &key) != SSH_OK)
		fail(j->ssh, path);
	if (key && *certificate && (ssh_pki_import_cert_file(certificate, &cert) != SSH_OK || ssh_pki_copy_cert_to_privkey(cert, key) != SSH_OK))
		fail(j->ssh, certificate);
	if (key)
		r = ssh_userauth_publickey(j->ssh, NULL, key);
	else if (strcmp(word(j->words, "method"), "password") == 0)
		r = ssh_userauth_password(j->ssh, NULL, word(j->words, "password"));
	else
		r = answer(j);
	if (r != SSH_AUTH_SUCCESS)
		fail(j->ssh, "login");
	ssh_key_free(key);
	ssh_key_free(cert);
}

static void begin(struct job *j, size_t i)
{
	const char *command = word(j->words, "command");
	ssh_channel c = j->channel[i] = ssh_channel_new(j->ssh);
	if (ssh_channel_open_session(c) != SSH_OK)
		fail(j->ssh, "channel");
	for (char **w = j->words; *w; w++) {
		char *value = strncmp(*w, "env=", 4) == 0 ? strchr(*w + 4, '=') : NULL;
		if (!value)
			continue;
		*value = '\0';
		ssh_channel_request_env(c, *w + 4, value + 1);       /* a server may say no */
	}
	if (number(j->words, "pty") && ssh_channel_request_pty_size(c, "vt100", 80, 24) != SSH_OK)
		fail(j->ssh, "pty");
	if ((*command ? ssh_channel_request_exec(c, command) : ssh_channel_request_shell(c)) != SSH_OK)
		fail(j->ssh, "exec");
}

static uint32_t least(size_t a, size_t b)
{
	return (uint32_t)(a < b ? a : b);
}

/* False: nothing moved. */
static bool move(struct job *j, size_t i)
{
	ssh_channel c = j->channel[i];
	struct bytes *in = &j->in[i];
	char chunk[CHUNK];
	bool moved = false;
	uint32_t window = ssh_channel_window_size(c);
	if (in->sent < in->n && window > 0) {
		int n = ssh_channel_write(c, in->p + in->sent, least(least(window, sizeof chunk), in->n - in->sent));
		if (n < 0)
			fail(j->ssh, "write");
		in->sent += (size_t)n;
		moved = true;
	} else if (in->sent == in->n && !j->eof_sent[i]) {
		j->eof_sent[i] = moved = ssh_channel_send_eof(c) == SSH_OK;
	}
	for (int stream = 0; stream < 2; stream++) {
		int n = ssh_channel_read_nonblocking(c, chunk, sizeof chunk, stream);
		if (n == SSH_ERROR)
			fail(j->ssh, "read");
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
	for (;;) {
		bool moved = false, over = true;
		for (size_t i = 0; i < j->count; i++) {
			moved |= move(j, i);
			over &= ssh_channel_is_eof(j->channel[i]) != 0;
		}
		if (over && !moved)
			return;
		struct pollfd p = {.fd = ssh_get_fd(j->ssh), .events = POLLIN};
		if (!moved)
			poll(&p, 1, 100);
	}
}

static int client(char **words)
{
	static struct job job;
	struct job *j = &job;
	char chunk[CHUNK];
	int status = 0;
	j->words = words;
	dial(j);
	login(j);
	j->count = number(words, "sessions");
	for (size_t i = 0; i < j->count && j->count > 1; i++)
		grow(&j->in[i], chunk, (size_t)snprintf(chunk, sizeof chunk, "number %zu\n", i));
	for (ssize_t n; j->count == 1 && (n = read(0, chunk, sizeof chunk)) > 0;)
		grow(&j->in[0], chunk, (size_t)n);
	for (size_t i = 0; i < j->count; i++)
		begin(j, i);
	talk(j);
	for (size_t i = 0; i < j->count; i++) {
		fwrite(j->out[i].p, 1, j->out[i].n, stdout);
		int s = ssh_channel_get_exit_status(j->channel[i]);
		status = s < 0 ? 255 : s > status ? s : status;
		ssh_channel_close(j->channel[i]);
		ssh_channel_free(j->channel[i]);
	}
	ssh_disconnect(j->ssh);
	ssh_free(j->ssh);
	return status;
}

/* The server. */

struct question { int count; const char *prompts[2], *answers[2]; char echo[2]; };
static const struct question password_question[] = {{1, {"Password: "}, {"open sesame"}, {0}}, {0}};
static const struct question riddle[] = {{2, {"First: ", "Second: "}, {"one", "two"}, {0, 1}}, {1, {"Third: "}, {"three"}, {0}}, {0}};

struct host {
	char **words;
	ssh_session ssh;
	ssh_channel channel;
	const struct question *asked;
	bool in, started, pty;
	char term[64], command[4096];
	struct winsize size;
	pid_t child;
	int to, from, errors;                    /* of the command; -1: none */
};

static bool is_authorized(struct host *h, ssh_key key)
{
	char line[8192], *text = NULL;
	bool found = false;
	FILE *f = fopen(word(h->words, "authorized"), "r");
	if (!f || ssh_pki_export_pubkey_base64(key, &text) != SSH_OK)
		fail(h->ssh, "authorized keys");
	while (fgets(line, sizeof line, f))
		found |= strstr(line, text) != NULL;
	fclose(f);
	ssh_string_free_char(text);
	return found;
}

static bool kbdint(struct host *h, ssh_message m)
{
	if (!ssh_message_auth_kbdint_is_response(m)) {
		h->asked = strcmp(ssh_message_auth_user(m), "riddle") == 0 ? riddle : password_question;
	} else {
		if (!h->asked || ssh_userauth_kbdint_getnanswers(h->ssh) != h->asked->count)
			return false;
		for (int i = 0; i < h->asked->count; i++)
			if (strcmp(ssh_userauth_kbdint_getanswer(h->ssh, (unsigned)i), h->asked->answers[i]) != 0)
				return false;
		h->asked++;
	}
	if (!h->asked->count)
		return h->in = true;
	char echo[2] = {h->asked->echo[0], h->asked->echo[1]};
	return ssh_message_auth_interactive_request(m, "Riddle", "of the peer", (unsigned)h->asked->count, (const char **)h->asked->prompts, echo) == SSH_OK;
}

/* True: it was answered, or success is to be told (h->in). */
static bool on_auth(struct host *h, ssh_message m)
{
	switch (ssh_message_subtype(m)) {
	case SSH_AUTH_METHOD_PASSWORD:
		return h->in = strcmp(ssh_message_auth_password(m), "open sesame") == 0;
	case SSH_AUTH_METHOD_PUBLICKEY:
		if (!is_authorized(h, ssh_message_auth_pubkey(m)))
			return false;
		if (ssh_message_auth_publickey_state(m) == SSH_PUBLICKEY_STATE_NONE)
			return ssh_message_auth_reply_pk_ok_simple(m) == SSH_OK;
		return h->in = ssh_message_auth_publickey_state(m) == SSH_PUBLICKEY_STATE_VALID;
	case SSH_AUTH_METHOD_INTERACTIVE:
		return kbdint(h, m);
	}
	return false;
}

static void run_child(struct host *h)
{
	signal(SIGPIPE, SIG_DFL);
	if (h->pty)
		setenv("TERM", h->term, 1);
	if (h->command[0])
		execl("/bin/sh", "sh", "-c", h->command, (char *)NULL);
	else
		execl("/bin/sh", "sh", (char *)NULL);
	_exit(127);
}

static void start(struct host *h)
{
	int in[2], out[2], err[2];
	h->started = true;
	if (h->pty) {
		h->child = forkpty(&h->to, NULL, NULL, &h->size);
		if (h->child == 0)
			run_child(h);
		h->from = dup(h->to);
	} else {
		if (pipe(in) != 0 || pipe(out) != 0 || pipe(err) != 0)
			fail(NULL, "pipe");
		h->child = fork();
		if (h->child == 0) {
			dup2(in[0], 0), dup2(out[1], 1), dup2(err[1], 2);
			closefrom(3);
			run_child(h);
		}
		close(in[0]), close(out[1]), close(err[1]);
		h->to = in[1], h->from = out[0], h->errors = err[0];
	}
	int mine[] = {h->to, h->from, h->errors};
	for (size_t i = 0; i < 3; i++)
		if (mine[i] >= 0)
			fcntl(mine[i], F_SETFL, O_NONBLOCK);
}

static bool on_channel(struct host *h, ssh_message m)
{
	switch (ssh_message_subtype(m)) {
	case SSH_CHANNEL_REQUEST_PTY:
		h->pty = true;
		h->size = (struct winsize){.ws_row = (unsigned short)ssh_message_channel_request_pty_height(m), .ws_col = (unsigned short)ssh_message_channel_request_pty_width(m)};
		snprintf(h->term, sizeof h->term, "%s", ssh_message_channel_request_pty_term(m));
		break;
	case SSH_CHANNEL_REQUEST_ENV:
		setenv(ssh_message_channel_request_env_name(m), ssh_message_channel_request_env_value(m), 1);
		break;
	case SSH_CHANNEL_REQUEST_EXEC:
		snprintf(h->command, sizeof h->command, "%s", ssh_message_channel_request_command(m));
		/* fall through */
	case SSH_CHANNEL_REQUEST_SHELL:
		start(h);
		break;
	default:
		return false;
	}
	ssh_message_channel_request_reply_success(m);
	return true;
}

/* 0: answered; 1: libssh says no. */
static int on_message(ssh_session ssh, ssh_message m, void *arg)
{
	struct host *h = arg;
	(void)ssh;
	int type = ssh_message_type(m);
	if (type == SSH_REQUEST_AUTH && on_auth(h, m)) {
		if (h->in)
			ssh_message_auth_reply_success(m, 0);
		return 0;
	}
	if (type == SSH_REQUEST_AUTH)
		ssh_message_auth_set_methods(m, SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_INTERACTIVE);
	if (type == SSH_REQUEST_CHANNEL_OPEN && h->in && !h->channel && ssh_message_subtype(m) == SSH_CHANNEL_SESSION) {
		h->channel = ssh_message_channel_request_open_reply_accept(m);
		return 0;
	}
	return type == SSH_REQUEST_CHANNEL && h->channel && !h->started && on_channel(h, m) ? 0 : 1;
}

static void drop(int *fd)
{
	close(*fd);
	*fd = -1;
}

/* What the client sent goes to the command, what the command says to the client. False: nothing moved. */
static bool to_command(struct host *h, struct bytes *rest)
{
	char chunk[CHUNK];
	if (h->to < 0)
		return false;
	if (rest->sent == rest->n) {
		int n = ssh_channel_read_nonblocking(h->channel, chunk, sizeof chunk, 0);
		if (n <= 0) {
			if (ssh_channel_is_eof(h->channel) && !h->pty)
				drop(&h->to);
			return false;
		}
		rest->n = rest->sent = 0;
		grow(rest, chunk, (size_t)n);
	}
	ssize_t n = write(h->to, rest->p + rest->sent, rest->n - rest->sent);
	if (n < 0 && errno != EAGAIN)
		drop(&h->to);
	rest->sent += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool from_command(struct host *h, int *fd, bool is_error)
{
	char chunk[CHUNK];
	uint32_t window = ssh_channel_window_size(h->channel);
	if (*fd < 0 || window == 0)
		return false;
	ssize_t n = read(*fd, chunk, least(window, sizeof chunk));
	if (n < 0 && errno == EAGAIN)
		return false;
	if (n <= 0)
		drop(fd);
	else if ((is_error ? ssh_channel_write_stderr : ssh_channel_write)(h->channel, chunk, (uint32_t)n) != n)
		fail(h->ssh, "write");
	return true;
}

static void pump(struct host *h, ssh_event e)
{
	struct bytes rest = {0};
	int status;
	while (h->from >= 0 || h->errors >= 0) {
		if (ssh_event_dopoll(e, 0) == SSH_ERROR)     /* takes what came: the window may have grown */
			exit(1);
		bool moved = to_command(h, &rest);
		moved |= from_command(h, &h->from, false);
		moved |= from_command(h, &h->errors, true);
		struct pollfd p[] = {{ssh_get_fd(h->ssh), POLLIN, 0}, {h->from, POLLIN, 0}, {h->errors, POLLIN, 0}, {rest.sent < rest.n ? h->to : -1, POLLOUT, 0}};
		if (ssh_channel_window_size(h->channel) == 0)
			p[1].fd = p[2].fd = -1;
		if (!moved)
			poll(p, 4, 100);
	}
	waitpid(h->child, &status, 0);
	ssh_channel_request_send_exit_status(h->channel, WIFEXITED(status) ? WEXITSTATUS(status) : 255);
	ssh_channel_send_eof(h->channel);
	ssh_channel_close(h->channel);
}

static void connection(struct host *h)
{
	ssh_event e = ssh_event_new();
	ssh_set_message_callback(h->ssh, on_message, h);        /* first: the next messages may lie behind the client's NEWKEYS */
	if (ssh_handle_key_exchange(h->ssh) != SSH_OK)
		fail(h->ssh, "key exchange");
	ssh_event_add_session(e, h->ssh);
	while (!h->started)
		if (ssh_event_dopoll(e, -1) == SSH_ERROR)
			exit(1);
	pump(h, e);
	while (ssh_is_connected(h->ssh) && ssh_event_dopoll(e, -1) != SSH_ERROR)
		;                                    /* until the client has gone: a reset would take what it has not read yet */
	exit(0);
}

static ssh_bind listener(char **words, int *fd, uint16_t *port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof a;
	bool no = false;
	ssh_bind b = ssh_bind_new();
	ssh_bind_options_set(b, SSH_BIND_OPTIONS_PROCESS_CONFIG, &no);
	for (char **w = words; *w; w++)
		if (strncmp(*w, "hostkey=", 8) == 0 && ssh_bind_options_set(b, SSH_BIND_OPTIONS_HOSTKEY, *w + 8) != 0)
			fail(b, *w);
	for (size_t i = 0; i < 2 * LISTS; i++) {
		const char *names = word(words, lists[i / 2].kind);
		if (*names && ssh_bind_options_set(b, lists[i / 2].server[i % 2], names) != 0)
			fail(b, names);
	}
	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || bind(*fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(*fd, 64) != 0 || getsockname(*fd, (struct sockaddr *)&a, &n) != 0)
		fail(NULL, "listen");
	*port = ntohs(a.sin_port);
	return b;
}

static int server(char **words)
{
	int fd;
	uint16_t port;
	uint64_t rekey = number(words, "rekey");
	ssh_bind b = listener(words, &fd, &port);
	signal(SIGCHLD, SIG_IGN);
	printf("listening %u\n", port);
	fflush(stdout);
	for (;;) {
		int c = accept(fd, NULL, NULL);
		if (c < 0 || fork() != 0) {
			close(c);
			continue;
		}
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		signal(SIGCHLD, SIG_DFL);
		signal(SIGPIPE, SIG_IGN);
		struct host h = {.words = words, .ssh = ssh_new(), .to = -1, .from = -1, .errors = -1};
		if (ssh_bind_accept_fd(b, h.ssh, c) != SSH_OK)
			fail(b, "accept");
		ssh_options_set(h.ssh, SSH_OPTIONS_COMPRESSION, "none,zlib@openssh.com");
		if (rekey)
			ssh_options_set(h.ssh, SSH_OPTIONS_REKEY_DATA, &rekey);
		connection(&h);
	}
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 255;
	if (strcmp(argv[1], "names") == 0) {
		names(argv + 2);
		return 0;
	}
	return strcmp(argv[1], "client") == 0 ? client(argv + 2) : server(argv + 2);
}
