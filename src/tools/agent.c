#include "tools/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sys/fd.h"
#include "sys/logsink.h"
#include "sys/process.h"
#include "tools/option.h"

static const struct tool_option rows[] = {
	{'a', "bind_address", false, "path of the socket"},
	{'c', NULL, false, "print commands for csh"},
	{'D', NULL, false, "stay in the foreground"},
	{'d', NULL, false, "debug: stay in the foreground and say what happens"},
	{'E', "sha256|md5", false, "hash of fingerprints"},
	{'k', NULL, false, "end the agent of SSH_AGENT_PID"},
	{'O', "option", false, "no-restrict-websafe, allow-remote-pkcs11, websafe-allow="},
	{'P', "allowed_providers", false, "libraries that may be loaded"},
	{'s', NULL, false, "print commands for sh"},
	{'T', NULL, false, "socket in the folder for temporary files"},
	{'t', "life", false, "how long keys stay"},
	{'U', NULL, false, "leave stale sockets alone"},
	{'u', NULL, false, "remove stale sockets and exit; twice: of any host"},
	{'V', NULL, false, "print the version"},
};

const struct tool_option *agent_options(size_t *count)
{
	*count = ARRAY_LEN(rows);
	return rows;
}

#define DEFAULT_PROVIDERS "/usr/lib*/*,/usr/local/lib*/*"
#define DEFAULT_WEBSAFE "ssh:*"

struct options {
	const char *program, *address, *providers;
	bool csh, sh, foreground, debug, kill, temp, keep_stale, allow_remote, any_website;
	const char *websafe;
	unsigned sweep;
	uint32_t lifetime;
	const struct hash_alg *fingerprint;
};

static int usage(void)
{
	fputs("usage: ssh-agent [-c | -s] [-Dd] [-TU] [-a bind_address] [-E hash] [-O option] [-P allowed_providers] [-t life] [command [arg ...]]\n"
	      "       ssh-agent [-c | -s] -k\n"
	      "       ssh-agent -u\n"
	      "       ssh-agent -V\n", stderr);
	return 1;
}

static int complain(const struct options *o, const char *text)
{
	fprintf(stderr, "%s: %s\n", o->program, text);
	return 1;
}

static bool take_lifetime(struct options *o, const char *text)
{
	uint64_t v;
	if (!text_to_seconds(slice_str(text), &v) || v == 0 || v > INT32_MAX)
		return false;
	o->lifetime = (uint32_t)v;
	return true;
}

/* -1: go on; else the exit status. */
static int take_option(struct options *o, int letter)
{
	switch (letter) {
	case 'c': o->csh = true; break;
	case 's': o->sh = true; break;
	case 'D': o->foreground = true; break;
	case 'd': o->debug = true; break;
	case 'k': o->kill = true; break;
	case 'T': o->temp = true; break;
	case 'U': o->keep_stale = true; break;
	case 'u': o->sweep++; break;
	case 'a': o->address = optarg; break;
	case 'E':
		o->fingerprint = strcasecmp(optarg, "md5") == 0 ? &hash_md5 : strcasecmp(optarg, "sha256") == 0 ? &hash_sha256 : NULL;
		if (o->fingerprint == NULL)
			return complain(o, "-E takes sha256 or md5");
		break;
	case 't':
		if (!take_lifetime(o, optarg))
			return complain(o, "-t takes a time such as 600 or 1h30m");
		break;
	case 'V':
		fprintf(stderr, "Hawser_%s, %s\n", HAWSER_VERSION, crypto_version());
		return 0;
	case 'P':
		if (o->providers)
			return complain(o, "-P is given twice: write one list with commas");
		o->providers = optarg;
		break;
	case 'O':
		if (strcmp(optarg, "allow-remote-pkcs11") == 0)
			o->allow_remote = true;
		else if (strcmp(optarg, "no-restrict-websafe") == 0)
			o->any_website = true;
		else if (strncmp(optarg, "websafe-allow=", 14) == 0 && o->websafe == NULL)
			o->websafe = optarg + 14;
		else
			return complain(o, "-O takes allow-remote-pkcs11, no-restrict-websafe, or once websafe-allow=patterns");
		break;
	default: return usage();
	}
	return -1;
}

static int kill_agent(const struct options *o)
{
	const char *text = getenv("SSH_AGENT_PID");
	uint64_t pid;
	if (text == NULL)
		return complain(o, "SSH_AGENT_PID not set, cannot kill agent");
	if (!slice_to_u64(slice_str(text), &pid) || pid <= 1 || pid > INT32_MAX)
		return complain(o, "SSH_AGENT_PID is not the number of a process");
	if (!proc_kill((pid_t)pid, SIGTERM)) {
		fprintf(stderr, "%s: kill %u: %s\n", o->program, (unsigned)pid, strerror(errno));
		return 1;
	}
	fputs(o->csh ? "unsetenv SSH_AUTH_SOCK;\nunsetenv SSH_AGENT_PID;\n" : "unset SSH_AUTH_SOCK;\nunset SSH_AGENT_PID;\n", stdout);
	printf("echo Agent pid %u killed;\n", (unsigned)pid);
	return 0;
}

static void put_variable(const struct options *o, const char *name, const char *value)
{
	if (o->csh)
		printf("setenv %s %s;\n", name, value);
	else
		printf("%s=%s; export %s;\n", name, value, name);
}

/* What a shell evaluates: a path that needs quotes gets them. */
static char *quoted(const char *path)
{
	struct buf b = BUF_INIT(8192);
	if (path[strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._-+@%:,")] == 0)
		return mem_str(path);
	put_str(&b, "'");
	for (const char *p = path; *p; p++) {
		if (*p == '\'')
			put_str(&b, "'\\''");
		else
			put_u8(&b, (uint8_t)*p);
	}
	put_str(&b, "'");
	char *s = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return s;
}

static void print_where(const struct options *o, const char *path, pid_t pid, bool with_pid)
{
	char text[32], *shown = quoted(path);
	snprintf(text, sizeof text, "%ld", (long)pid);
	put_variable(o, "SSH_AUTH_SOCK", shown);
	if (with_pid)
		put_variable(o, "SSH_AGENT_PID", text);
	printf("echo Agent pid %s;\n", text);
	fflush(stdout);
	mem_free(shown);
}

static bool make_socket(const struct options *o, struct agent_service *s, struct err *err)
{
	if ((o->foreground || o->debug) && !o->address && agent_socket_given(&s->socket))
		return true;
	if (o->address)
		return agent_socket_at(&s->socket, o->address, err);
	if (o->temp)
		return agent_socket_temp(&s->socket, err);
	if (!o->keep_stale && !agent_socket_sweep(false, err))
		return false;
	return agent_socket_home(&s->socket, err);
}

static void tell_parent(void *arg)
{
	int *fd = arg;
	if (!fd_write_all(*fd, SLICE_LIT("!"), -1, NULL))
		log_debug("who started the agent is gone");
	fd_close(fd);
}

/* The agent itself, in the background: it has no terminal, no directory and nothing of its parent's. */
static int run_behind(struct agent_service *s, struct err *err)
{
	setsid();
	if (chdir("/") < 0 || !fd_null_standard(err))
		return 1;
	return agent_serve(s);
}

/* The command runs in the first process, so that who waits for it gets its status. */
static int start_behind(const struct options *o, struct agent_service *s, char **command, struct err *err)
{
	char pid_text[32];
	pid_t first = getpid();
	int first_fd = command ? proc_pidfd(first) : -1;
	int up[2];
	uint8_t byte;
	if (!fd_pipe(up, err))
		return complain(o, err->text);
	pid_t pid = proc_fork(0, NULL, err);
	if (pid < 0)
		return complain(o, err->text);
	if (pid == 0) {
		fd_close(&up[0]);
		s->parent_fd = first_fd;
		s->ready = tell_parent;
		s->ready_arg = &up[1];
		proc_not_dumpable();
		return run_behind(s, err);
	}
	fd_close(&first_fd);
	fd_close(&up[1]);
	bool well = fd_read_exact(up[0], (struct room){&byte, 1}, -1, err);
	fd_close(&up[0]);
	if (!well) {
		agent_socket_remove(&s->socket);
		return complain(o, "the agent did not start");
	}
	if (command == NULL) {
		print_where(o, s->socket.path, pid, true);
		mem_free(s->socket.path);               /* the socket itself is the agent's */
		mem_free(s->socket.dir);
		return 0;
	}
	snprintf(pid_text, sizeof pid_text, "%ld", (long)pid);
	if (setenv("SSH_AUTH_SOCK", s->socket.path, 1) < 0 || setenv("SSH_AGENT_PID", pid_text, 1) < 0)
		return complain(o, strerror(errno));
	fd_close(&s->socket.fd);
	execvp(command[0], command);
	fprintf(stderr, "%s: %s: %s\n", o->program, command[0], strerror(errno));
	return 1;
}

struct announcement { const struct options *o; const struct agent_service *s; };

static void announce(void *arg)
{
	const struct announcement *a = arg;
	if (a->s->socket.path)
		print_where(a->o, a->s->socket.path, getpid(), false);
}

static bool is_csh(void)
{
	const char *shell = getenv("SHELL");
	size_t n = shell ? strlen(shell) : 0;
	return n > 2 && strcmp(shell + n - 3, "csh") == 0;
}

int agent_main(int argc, char **argv)
{
	struct options o = {.program = "ssh-agent", .fingerprint = &hash_sha256};
	struct err err = {0};
	char letters[1 + OPTION_LETTERS] = "+";             /* options of the command are its own */
	int letter, status;
	option_letters(rows, ARRAY_LEN(rows), letters + 1);
	while ((letter = getopt(argc, argv, letters)) != -1)
		if ((status = take_option(&o, letter)) >= 0)
			return status;
	char **command = argv[optind] ? argv + optind : NULL;
	bool front = o.foreground || o.debug;
	if ((o.csh && o.sh) || (command && (o.csh || o.sh || front || o.kill || o.sweep)) || (o.temp && o.address))
		return usage();
	o.csh = o.csh || (!o.sh && is_csh());
	if (o.kill)
		return kill_agent(&o);
	if (o.sweep)
		return agent_socket_sweep(o.sweep > 1, &err) ? 0 : complain(&o, err.text);
	if (!front)
		logsink_use_syslog(LOG_LEVEL_INFO, "ssh-agent", logsink_facility("AUTH"));
	else
		logsink_use_stderr(o.debug ? LOG_LEVEL_DEBUG3 : LOG_LEVEL_INFO, NULL);
	struct agent_service s = {.socket = {.fd = -1}, .lifetime = o.lifetime, .providers = o.providers ? o.providers : DEFAULT_PROVIDERS, .allow_remote = o.allow_remote, .websafe = o.any_website ? NULL : o.websafe ? o.websafe : DEFAULT_WEBSAFE, .fingerprint = o.fingerprint, .parent_fd = -1, .stop_on_int = front};
	if (!make_socket(&o, &s, &err))
		return complain(&o, err.text);
	if (!front)
		return start_behind(&o, &s, command, &err);
	proc_not_dumpable();
	s.ready = announce;
	s.ready_arg = &(struct announcement){&o, &s};
	return agent_serve(&s);
}
