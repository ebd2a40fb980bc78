#include "tools/add.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "agent/agent_msg.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "sys/logsink.h"
#include "tools/option.h"

enum { PASSPHRASE = 1024 };

static const struct tool_option options[] = {
	{'C', NULL, false, "only certificates"},
	{'c', NULL, false, "each use of the key has to be confirmed"},
	{'D', NULL, false, "remove all keys"},
	{'d', NULL, false, "remove these keys; - reads public keys from standard input"},
	{'E', "sha256|md5", false, "hash of fingerprints"},
	{'e', "pkcs11", false, "remove the keys of a PKCS#11 library"},
	{'H', "hostkey_file", false, "known_hosts file for -h"},
	{'h', "destination", false, "use the key towards these hosts only"},
	{'K', NULL, false, "add the resident keys of a security key"},
	{'k', NULL, false, "only plain keys, no certificates"},
	{'L', NULL, false, "list public keys"},
	{'l', NULL, false, "list fingerprints"},
	{'N', NULL, false, "keep certificates when they have expired"},
	{'Q', NULL, false, "list extensions of the agent"},
	{'q', NULL, false, "say nothing when all goes well"},
	{'S', "provider", false, "library for security keys"},
	{'s', "pkcs11", false, "add the keys of a PKCS#11 library"},
	{'T', NULL, false, "test whether the agent can use the private keys of these public ones"},
	{'t', "life", false, "forget the key after this time"},
	{'v', NULL, false, "say more; up to three times"},
	{'X', NULL, false, "unlock the agent"},
	{'x', NULL, false, "lock the agent with a password"},
};

const struct tool_option *add_options(size_t *count)
{
	*count = ARRAY_LEN(options);
	return options;
}

static int usage(void)
{
	fputs("usage: ssh-add [-CcDdKkLlNqQvXx] [-E hash] [-H hostkey_file] [-h destination] [-S provider] [-t life] [file ...]\n"
	      "       ssh-add -s pkcs11 [-Cv] [certificate ...]\n"
	      "       ssh-add -e pkcs11\n"
	      "       ssh-add -T pubkey ...\n"
	      "       ssh-add -Q\n", stderr);
	return ADD_FAILED;
}

int add_fail(const struct add *a, const struct err *err)
{
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", a->program, err->text);
	return ADD_FAILED;
}

static int remove_all(struct add *a)
{
	struct err err = {0};
	uint8_t message = AGENT_REMOVE_ALL;
	if (!agentio_do(&a->agent, slice_of(&message, 1), &err))
		return add_fail(a, &err);
	if (!a->quiet)
		fputs("All identities removed.\n", stderr);
	return ADD_OK;
}

static bool ask_lock(bool lock, struct buf *pass, struct err *err)
{
	struct buf again = BUF_INIT_SECRET(PASSPHRASE);
	bool ok = read_passphrase(lock ? "Enter lock password: " : "Enter unlock password: ", READPASS_STDIN, pass, err);
	if (ok && lock) {
		ok = read_passphrase("Again: ", READPASS_STDIN, &again, err);
		if (ok && !slice_eq_secret(buf_slice(pass), buf_slice(&again)))
			ok = err_set(err, ERR_PASSPHRASE, "Passwords do not match.");
	}
	buf_clear(&again);
	return ok;
}

static int lock(struct add *a, bool lock_it)
{
	struct buf pass = BUF_INIT_SECRET(PASSPHRASE), message = BUF_INIT_SECRET(2 * PASSPHRASE);
	struct err err = {0};
	bool ok = ask_lock(lock_it, &pass, &err);
	struct agent_string m = {buf_slice(&pass)};
	if (ok) {
		msg_encode(agent_msg_row(lock_it ? AGENT_LOCK : AGENT_UNLOCK), &m, &message);
		ok = agentio_do(&a->agent, buf_slice(&message), &err) || err_prefix(&err, "Failed to %slock agent", lock_it ? "" : "un");
	}
	buf_clear(&pass);
	buf_clear(&message);
	if (!ok)
		return add_fail(a, &err);
	if (!a->quiet)
		fprintf(stderr, "Agent %slocked.\n", lock_it ? "" : "un");
	return ADD_OK;
}

static int query(struct add *a)
{
	struct buf message = BUF_INIT(64);
	struct agent_extension m = {SLICE_LIT(AGENT_EXT_QUERY), {NULL, 0}};
	struct reader r;
	struct err err = {0};
	msg_encode(agent_msg_row(AGENT_EXTENSION), &m, &message);
	bool ok = agentio_ask(&a->agent, buf_slice(&message), -1, &r, &err);
	buf_clear(&message);
	if (!ok)
		return add_fail(a, &err);
	if (!msg_decode(agent_msg_row(AGENT_EXTENSION_RESPONSE), get_rest(&r), &m) || !slice_eq_str(m.name, AGENT_EXT_QUERY)) {
		err_set(&err, ERR_UNSUPPORTED, "the agent does not tell its extensions");
		return add_fail(a, &err);
	}
	for (r = reader_of(m.contents); reader_left(&r) && !r.bad;) {
		struct slice name = get_string(&r);
		if (!r.bad)
			puts(text_show(name));
	}
	return ADD_OK;
}

struct flags { bool resident, list, list_whole, remove_all, lock, unlock, test, query; unsigned verbose; const char *card, *no_card; };

static bool take_value(struct add *a, int letter)
{
	uint64_t v;
	if (letter == 't') {
		if (!text_to_seconds(slice_str(optarg), &v) || v == 0 || v > INT32_MAX)
			return fputs("ssh-add: -t takes a time such as 600 or 1h30m\n", stderr) < 0;
		a->lifetime = (uint32_t)v;
		return true;
	}
	a->fingerprint = strcasecmp(optarg, "md5") == 0 ? &hash_md5 : strcasecmp(optarg, "sha256") == 0 ? &hash_sha256 : NULL;
	return a->fingerprint || fputs("ssh-add: -E takes sha256 or md5\n", stderr) < 0;
}

static bool take_option(struct add *a, struct flags *f, int letter)
{
	switch (letter) {
	case 'C': a->certs_only = true; return true;
	case 'c': a->confirm = true; return true;
	case 'D': f->remove_all = true; return true;
	case 'd': a->remove = true; return true;
	case 'k': a->plain_only = true; return true;
	case 'L': f->list_whole = true; return true;
	case 'l': f->list = true; return true;
	case 'N': a->keep_expired = true; return true;
	case 'q': a->quiet = true; return true;
	case 'Q': f->query = true; return true;
	case 'T': f->test = true; return true;
	case 'v': f->verbose += f->verbose < 3; return true;
	case 'X': f->unlock = true; return true;
	case 'x': f->lock = true; return true;
	case 'E': case 't': return take_value(a, letter);
	case 'h': LIST_PUSH(a->destinations, a->dest_n, optarg); return true;
	case 'H': LIST_PUSH(a->known_hosts, a->known_n, optarg); return true;
	case 's': f->card = optarg; return true;
	case 'e': f->no_card = optarg; return true;
	case 'K': f->resident = true; return true;
	case 'S': a->sk_provider = optarg; return true;
	default:
		usage();
		return false;
	}
}

static int run(struct add *a, const struct flags *f, char **rest)
{
	if (f->query)
		return query(a);
	if (f->list || f->list_whole)
		return add_list(a, f->list_whole);
	if (f->lock || f->unlock)
		return lock(a, f->lock);
	if (f->test)
		return rest[0] ? add_test(a, rest) : usage();
	if (f->resident)
		return add_resident(a);
	if (f->card)
		return add_card(a, f->card, rest);
	if (f->no_card)
		return add_remove_card(a, f->no_card);
	return f->remove_all ? remove_all(a) : add_files(a, rest);
}

int add_main(int argc, char **argv)
{
	struct add a = {.program = "ssh-add", .fingerprint = &hash_sha256, .sk_provider = getenv("SSH_SK_PROVIDER"), .last_pass = BUF_INIT_SECRET(PASSPHRASE), .dest = BUF_INIT(AGENT_MESSAGE_MAX)};
	struct flags f = {0};
	struct err err = {0};
	const char *path = getenv("SSH_AUTH_SOCK");
	char letters[OPTION_LETTERS];
	int letter;
	crypto_lock_keys();
	option_letters(options, ARRAY_LEN(options), letters);
	while ((letter = getopt(argc, argv, letters)) != -1)
		if (!take_option(&a, &f, letter))
			return ADD_FAILED;
	if (a.sk_provider == NULL || *a.sk_provider == 0)
		a.sk_provider = "internal";
	if (f.lock + f.unlock + f.list + f.list_whole > 1)
		return usage();
	logsink_use_stderr((enum log_level)(LOG_LEVEL_INFO + f.verbose), NULL);
	if (path == NULL || *path == 0) {
		fputs("Could not open a connection to your authentication agent.\n", stderr);
		return ADD_NO_AGENT;
	}
	if (!agentio_open(&a.agent, path, &err)) {
		fprintf(stderr, "Error connecting to agent: %s\n", err.text);
		return ADD_NO_AGENT;
	}
	int status = add_destinations(&a, &err) ? run(&a, &f, argv + optind) : add_fail(&a, &err);
	agentio_close(&a.agent);
	buf_clear(&a.last_pass);
	buf_clear(&a.dest);
	mem_free(a.destinations);
	mem_free(a.known_hosts);
	return status;
}
