#include "tools/keyscan.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "key/key.h"
#include "sys/logsink.h"
#include "sys/sock.h"
#include "tools/sshfp.h"

static const struct tool_option options[] = {
	{'4', NULL, false, "use IPv4 only"},
	{'6', NULL, false, "use IPv6 only"},
	{'c', NULL, false, "ask for certificates instead of plain keys"},
	{'D', NULL, false, "print SSHFP records"},
	{'f', "file", false, "read hosts from this file; - is standard input"},
	{'H', NULL, false, "hash the names"},
	{'O', "hashalg=sha1|hashalg=sha256", false, "only this hash of SSHFP records"},
	{'p', "port", false, "port of the servers"},
	{'q', NULL, false, "do not print the version lines of the servers"},
	{'T', "timeout", false, "how long a server may be silent (5 seconds)"},
	{'t', "types", false, "types of keys, a comma list: rsa, ecdsa, ed25519, ecdsa-sk, ed25519-sk, mldsa44-ed25519"},
	{'v', NULL, false, "say more; up to three times"},
};

const struct tool_option *keyscan_options(size_t *count)
{
	*count = ARRAY_LEN(options);
	return options;
}

enum { FAILED = 255, NO = 1, FILES = 32, LINE = 1 << 16 };

struct settings { const char *file[FILES]; size_t nfiles; const char *types; int debug; };

static int usage(void)
{
	fputs("usage: ssh-keyscan [-46cDHqv] [-f file] [-O option] [-p port] [-T timeout]\n"
	      "                   [-t type] [host | addrlist namelist]\n", stderr);
	return NO;
}

static int bad(const char *what, const char *value)
{
	fprintf(stderr, "Bad %s '%s'\n", what, text_show(slice_str(value)));
	return usage();
}

/* A number, or a name of services(5). */
static bool take_port(struct keyscan *k, const char *text)
{
	struct sock_list found = {0};
	uint64_t v = 0;
	if (!slice_to_u64(slice_str(text), &v) && sock_resolve("127.0.0.1", text, AF_INET, SOCK_NUMERIC, &found, NULL))
		v = sock_port(&found.at[0]);
	sock_list_clear(&found);
	k->port = v <= UINT16_MAX ? (unsigned)v : 0;
	return k->port != 0;
}

static bool is_family(const struct key_kind *kind, struct slice name)
{
	return slice_eq_str(name, kind->family) || slice_eq_str(name, kind->name);
}

/* What to ask for so that a server shows a key of this family; owned, empty where there is nothing. */
static char *algorithms_of(const struct keyscan *k, const char *family)
{
	struct buf b = BUF_INIT(8192);
	size_t nkinds, nalgs;
	const struct key_kind *kinds = key_kind_list(&nkinds);
	const struct key_alg *algs = key_alg_list(&nalgs);
	for (size_t a = 0; a < nalgs; a++)
		for (size_t i = 0; i < nkinds; i++)
			if (strcmp(kinds[i].family, family) == 0 && algs[a].form != KEY_FORM_WEBAUTHN &&
			    strcmp(algs[a].type, k->certificates ? kinds[i].cert : kinds[i].name) == 0)
				names_add(&b, algs[a].name);
	char *list = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return list;
}

static void add_type(struct keyscan *k, const char *family)
{
	char *list = algorithms_of(k, family);
	for (size_t i = 0; i < k->ntypes; i++)
		if (strcmp(k->types[i], list) == 0)
			list[0] = 0;
	if (list[0] && k->ntypes < KEYSCAN_TYPES)
		k->types[k->ntypes++] = list;
	else
		mem_free(list);
}

/* "ed25519", "ssh-ed25519", and for RSA a signature's name as well. */
static const char *family_of(struct slice name)
{
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	const struct key_alg *alg = key_alg_find(name);
	for (size_t i = 0; i < n; i++)
		if (is_family(&kinds[i], name) || (alg && !alg->plain && strcmp(alg->type, kinds[i].name) == 0))
			return kinds[i].family;
	return NULL;
}

static bool choose_types(struct keyscan *k, const char *asked)
{
	struct slice list = slice_str(asked), name;
	size_t n;
	const struct key_kind *kinds = key_kind_list(&n);
	if (!asked) {
		for (size_t i = 0; i < n; i++)
			add_type(k, kinds[i].family);
		return true;
	}
	while (names_next(&list, &name)) {
		const char *family = family_of(name);
		if (!family) {
			fprintf(stderr, "Unknown key type \"%s\"\n", text_show(name));
			return false;
		}
		add_type(k, family);
	}
	return k->ntypes > 0;
}

/* -1: go on; else the exit status. */
static int take_option(struct keyscan *k, struct settings *s, int letter)
{
	uint64_t seconds;
	switch (letter) {
	case '4': k->family = AF_INET; break;
	case '6': k->family = AF_INET6; break;
	case 'c': k->certificates = true; break;
	case 'D': k->sshfp = true; break;
	case 'H': k->hash_names = true; break;
	case 'q': k->quiet = true; break;
	case 'v': s->debug += s->debug < 3; break;
	case 't': s->types = optarg; break;
	case 'f':
		if (s->nfiles == FILES)
			return fputs("ssh-keyscan: too many -f\n", stderr), FAILED;
		s->file[s->nfiles++] = optarg;
		break;
	case 'O':
		k->only = sshfp_hash_option(optarg);
		if (!k->only)
			return fputs("Unsupported -O option\n", stderr), FAILED;
		break;
	case 'p':
		if (!take_port(k, optarg))
			return bad("port", optarg);
		break;
	case 'T':
		if (!text_to_seconds(slice_str(optarg), &seconds) || seconds == 0 || seconds > INT32_MAX)
			return bad("timeout", optarg);
		k->timeout_ms = seconds * 1000;
		break;
	default: return usage();
	}
	return -1;
}

static bool count_up(struct addr *a)
{
	for (size_t i = a->family == 4 ? 4 : 16; i-- > 0;)
		if (++a->b[i])
			return true;
	return false;
}

/* A network is all its addresses, the first and the last one too. */
static void scan_net(struct scan *s, struct addr at, const struct addr *net, unsigned bits)
{
	do {
		struct buf b = BUF_INIT(64);
		put_addr(&b, &at);
		scan_host(s, buf_slice(&b), buf_slice(&b));
		buf_clear(&b);
	} while (count_up(&at) && addr_in_net(&at, net, bits));
}

/* "host", "network/bits", "addresses names". */
static void scan_text(struct scan *s, struct slice text)
{
	struct slice names = slice_word(&text), shown = slice_trim(text);
	struct addr net = {0}, masked;
	unsigned bits = 0;
	if (names.n == 0)
		return;
	bool is_net = shown.n == 0 && memchr(names.p, '/', names.n) && addr_parse_net(names, &net, &bits);
	masked = net;
	if (is_net)
		addr_mask(&masked, bits);
	if (is_net && addr_eq(&masked, &net))
		scan_net(s, net, &masked, bits);
	else
		scan_host(s, names, shown.n ? shown : names);
}

static bool scan_file(struct scan *s, const char *path)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t n;
	if (!f) {
		fprintf(stderr, "ssh-keyscan: %s: %s\n", text_show(slice_str(path)), strerror(errno));
		return false;
	}
	while ((n = getline(&line, &room, f)) >= 0) {
		struct slice text = slice_of(line, (size_t)n), rest = text;
		if (n < LINE && !slice_has_nul(text))
			scan_text(s, slice_trim(slice_cut(&rest, '#')));
	}
	mem_free(line);
	if (!standard)
		fclose(f);
	return true;
}

static bool run(struct keyscan *k, const struct settings *set, char **hosts)
{
	struct scan *s = scan_new(k);
	bool ok = true;
	for (size_t i = 0; ok && i < set->nfiles; i++)
		ok = scan_file(s, set->file[i]);
	for (; ok && *hosts; hosts++)
		scan_text(s, slice_str(*hosts));
	if (ok)
		scan_wait(s);
	scan_free(s);
	return ok;
}

int keyscan_main(int argc, char **argv)
{
	struct keyscan k = {.family = AF_UNSPEC, .port = 22, .timeout_ms = 5000};
	struct settings set = {0};
	char letters[OPTION_LETTERS];
	int letter, status;
	option_letters(options, ARRAY_LEN(options), letters);
	while ((letter = getopt(argc, argv, letters)) != -1)
		if ((status = take_option(&k, &set, letter)) >= 0)
			return status;
	if (optind == argc && set.nfiles == 0)
		return usage();
	logsink_use_stderr((enum log_level)(LOG_LEVEL_INFO + (set.debug ? 1 + set.debug : 0)), NULL);
	signal(SIGPIPE, SIG_IGN);
	bool ok = choose_types(&k, set.types) && run(&k, &set, argv + optind);
	for (size_t i = 0; i < k.ntypes; i++)
		mem_free(k.types[i]);
	return !ok ? FAILED : k.found ? 0 : NO;
}
