#include "server/sshd.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "server/hostkeys.h"
#include "server/listener.h"
#include "sys/account.h"
#include "sys/fd.h"
#include "sys/files.h"
#include "sys/logsink.h"
#include "sys/process.h"
#include "sys/sandbox.h"

/* Helpers stand beside us in a build tree, else where they are installed. */
static char *helpers_folder(const char *self)
{
	char *dir = file_dir(self), *session = file_join(dir, "sshd-session");
	bool here = file_exists(session);
	mem_free(session);
	if (here)
		return dir;
	mem_free(dir);
	return mem_str(PATH_LIBEXEC);
}

static char *own_path(const char *argv0)
{
	char path[PATH_MAX];
	if (argv0[0] == '/')
		return mem_str(argv0);
	ssize_t n = readlink("/proc/self/exe", path, sizeof path);
	return n > 0 && (size_t)n < sizeof path ? slice_dup(slice_of(path, (size_t)n)) : mem_str(PATH_BIN "/../sbin/sshd");
}

static bool open_log(const struct sshd_options *o, const struct sshd_conf *conf)
{
	struct err err;
	uint32_t asked = sshd_options_level(o);
	enum log_level level = asked != UINT32_MAX ? (enum log_level)asked : conf ? (enum log_level)conf->log_level : LOG_LEVEL_INFO;
	if (o->log_file) {
		int fd = open(o->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		if (fd < 0) {
			err_errno(&err, "Couldn't open logfile %s", o->log_file);
			fprintf(stderr, "%s\n", err.text);
			return false;
		}
		dup2(fd, STDERR_FILENO);
		close(fd);
	}
	/* Before the configuration is known, words about it go to who started us. */
	if (conf == NULL || o->to_stderr || o->debug || o->log_file || o->test || o->dump || o->dump_only)
		logsink_use_stderr(level, NULL);
	else
		logsink_use_syslog(level, "sshd", conf->syslog_facility << 3);
	return true;
}

static void print_sandbox(void)
{
	struct sandbox_setup setup = {.nofile = 64, .empty_root = PATH_RUN "/sshd"};
	struct sandbox_report report;
	struct buf text = BUF_INIT(2048);
	struct err err = {0};
	const char *name;
	if (geteuid() == 0 && !account_service(&setup.uid, &setup.gid, &name))
		return;
	if (sandbox_probe(&setup, &report, &err))
		sandbox_report_text(&report, &text);
	else
		put_fmt(&text, "%s", err.text);
	printf("# sandbox: %s\n", buf_cstr(&text));
	buf_clear(&text);
}

/* -T, -G: for the connection that -C describes. */
static bool print_config(const struct sshd_options *o, const struct sshd_file *file, struct err *err)
{
	struct sshd_conf conf;
	struct buf text = BUF_INIT(CONF_TEXT_MAX);
	struct account_groups groups = {0};
	const struct sshd_match_spec *c = &o->match;
	struct sshd_match match = {.user = c->user, .invalid_user = c->invalid_user, .host = c->host, .addr = c->addr, .laddr = c->laddr,
		.rdomain = c->rdomain, .lport = c->lport};
	struct account *account = c->user ? account_find(c->user, NULL) : NULL;
	if (account && account_groups(account, &groups, NULL)) {
		match.groups = (const char *const *)groups.name;
		match.groups_n = groups.n;
	}
	bool ok = sshd_conf_resolve(file, o->has_match ? &match : NULL, &conf, err);
	if (ok) {
		sshd_conf_dump(&conf, &text);
		fwrite(text.p, 1, text.len, stdout);
		sshd_conf_clear(&conf);
		print_sandbox();
	}
	buf_clear(&text);
	account_groups_clear(&groups);
	account_free(account);
	return ok;
}

static int test_mode(const struct sshd_options *o, const struct sshd_file *file, const struct sshd_conf *conf)
{
	struct hostkeys keys;
	struct err err;
	if (!o->dump_only) {
		bool ok = hostkeys_load(conf, &keys);
		if (!ok) {
			fprintf(stderr, "sshd: no hostkeys available -- exiting.\n");
			return 1;
		}
		hostkeys_clear(&keys);
	}
	if ((o->dump || o->dump_only) && !print_config(o, file, &err)) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	return 0;
}

static void become_daemon(const struct sshd_options *o)
{
	struct err err;
	if (o->foreground || o->debug || o->inetd || getenv("HAWSER_SSHD_RESTARTED"))
		return;
	pid_t pid = fork();
	if (pid < 0)
		log_fatal("cannot go to the background");
	if (pid > 0)
		_exit(0);
	setsid();
	bool keep = o->to_stderr || o->log_file;
	int log = keep ? dup(STDERR_FILENO) : -1;
	if (!fd_null_standard(&err))
		log_fatal("%s", err.text);
	if (keep) {
		dup2(log, STDERR_FILENO);
		close(log);
	}
}

static int serve(struct sshd_options *o, const struct sshd_file *file, const struct sshd_conf *conf, char **argv)
{
	char *self = own_path(argv[0]), *helpers = helpers_folder(self);
	char folder[PATH_MAX] = "/";
	if (getcwd(folder, sizeof folder) == NULL)
		log_debug("the folder we were started in is gone");
	struct listener_setup setup = {.options = o, .file = file, .conf = conf, .argv = argv, .self = self, .helpers = helpers, .folder = folder};
	become_daemon(o);
	if (chdir("/") < 0)
		log_debug("cannot go to /");
	umask(umask(077) | 022);
	int code = listener_run(&setup);
	mem_free(self);
	mem_free(helpers);
	return code;
}

static int run(struct sshd_options *o, char **argv)
{
	struct sshd_conf conf;
	struct err err = {0};
	struct sshd_file *file = sshd_options_load(o, &err);
	int code = 255;
	if (file == NULL || !sshd_conf_resolve(file, NULL, &conf, &err)) {
		fprintf(stderr, "%s\n", err.text);
		sshd_file_free(file);
		return file == NULL && err.code == ERR_MISSING ? 1 : 255;
	}
	if (o->test || o->dump || o->dump_only)
		code = test_mode(o, file, &conf);
	else if (open_log(o, &conf))
		code = serve(o, file, &conf, argv);
	sshd_conf_clear(&conf);
	sshd_file_free(file);
	return code;
}

int sshd_main(int argc, char **argv)
{
	struct sshd_options o;
	struct err err = {0};
	int code = 0;
	if (!proc_clean_start(&err))
		log_fatal("%s", err.text);
	proc_title_init(argc, argv);
	if (!sshd_options_parse(&o, argc, argv, &err)) {
		fprintf(stderr, "sshd: %s\n", err.text);
		sshd_options_usage();
		code = 1;
	} else if (o.version) {
		fprintf(stderr, SSH_RELEASE " Hawser_%s, %s\n", HAWSER_VERSION, crypto_version());
	} else {
		code = open_log(&o, NULL) ? run(&o, argv) : 1;
	}
	sshd_options_clear(&o);
	return code;
}
