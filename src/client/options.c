#include "client/options.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "conf/types.h"

static const struct option_row table[] = {
	{'4', NULL, "AddressFamily=inet", false, "use IPv4 only"},
	{'6', NULL, "AddressFamily=inet6", false, "use IPv6 only"},
	{'1', NULL, NULL, false, "protocol 1: refused"},
	{'2', NULL, NULL, false, "protocol 2: the only one"},
	{'A', NULL, "ForwardAgent=yes", true, "forward the agent"},
	{'a', NULL, "ForwardAgent=no", false, "do not forward the agent"},
	{'B', "interface", "BindInterface=%", false, "connect from the address of this interface"},
	{'b', "address", "BindAddress=%", false, "connect from this address"},
	{'C', NULL, "Compression=yes", false, "compress"},
	{'c', "ciphers", "Ciphers=%", false, "ciphers in order of preference"},
	{'D', "[bind:]port", "DynamicForward=%", true, "SOCKS port"},
	{'E', "file", NULL, false, "append the log to this file"},
	{'e', "char", "EscapeChar=%", false, "escape character, ^x or none"},
	{'F', "file", NULL, false, "configuration file, or none"},
	{'f', NULL, NULL, false, "go to the background after login"},
	{'G', NULL, NULL, false, "print the configuration and exit"},
	{'g', NULL, "GatewayPorts=yes", true, "others may use local forwards"},
	{'I', "library", "PKCS11Provider=%", false, "PKCS#11 library"},
	{'i', "file", "IdentityFile=%", false, "private key file"},
	{'J', "hosts", "ProxyJump=%", true, "jump through these hosts"},
	{'K', NULL, "GSSAPIAuthentication=yes", true, "GSSAPI with delegation"},
	{'k', NULL, "GSSAPIDelegateCredentials=no", false, "no GSSAPI delegation"},
	{'L', "forward", "LocalForward=%", true, "local forward"},
	{'l', "user", "User=%", false, "log in as this user"},
	{'M', NULL, "ControlMaster=yes", true, "be a master for other sessions"},
	{'m', "macs", "MACs=%", false, "MACs in order of preference"},
	{'N', NULL, "SessionType=none", false, "no command"},
	{'n', NULL, "StdinNull=yes", false, "standard input from /dev/null"},
	{'O', "command", NULL, true, "command to a master"},
	{'o', "Key=value", "%", false, "any keyword of ssh_config(5)"},
	{'P', "tag", "Tag=%", false, "tag for Match tagged"},
	{'p', "port", "Port=%", false, "port"},
	{'Q', "query", NULL, false, "list algorithms: cipher, mac, kex, key, sig, ..."},
	{'q', NULL, NULL, false, "quiet"},
	{'R', "forward", "RemoteForward=%", true, "remote forward"},
	{'S', "path", "ControlPath=%", true, "socket of a master"},
	{'s', NULL, "SessionType=subsystem", false, "the command is a subsystem"},
	{'T', NULL, "RequestTTY=no", false, "no terminal"},
	{'t', NULL, NULL, false, "ask for a terminal; twice: even without a local one"},
	{'V', NULL, NULL, false, "print the version"},
	{'v', NULL, NULL, false, "say more; up to three times"},
	{'W', "host:port", NULL, true, "connect standard input and output to host:port"},
	{'w', "local[:remote]", "TunnelDevice=%", true, "tunnel device"},
	{'X', NULL, "ForwardX11=yes", true, "forward X11"},
	{'x', NULL, "ForwardX11=no", false, "do not forward X11"},
	{'Y', NULL, "ForwardX11Trusted=yes", true, "forward X11, trusted"},
	{'y', NULL, NULL, false, "log to syslog"},
	{'Z', NULL, NULL, false, "print the keys that would be tried and exit"},
};

const struct option_row *options_table(size_t *count)
{
	*count = ARRAY_LEN(table);
	return table;
}

static const struct option_row *row_of(char letter)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].letter == letter)
			return &table[i];
	return NULL;
}

/* The argument of a flag is one value, whatever blanks and quotes it holds; that of -o is a line of the configuration. */
static void set(struct ssh_options *o, const char *format, const char *arg)
{
	const char *at = strchr(format, '%');
	struct buf b = BUF_INIT(1 << 20);
	put_bytes(&b, slice_of(format, at ? (size_t)(at - format) : strlen(format)));
	if (at == format)
		put_str(&b, arg);
	else if (at)
		conf_put_word(&b, arg, CONF_DUMP_EXACT);
	char *text = mem_str(buf_cstr(&b));
	LIST_PUSH(o->set, o->nset, text);
	buf_clear(&b);
}

static bool special(struct ssh_options *o, char letter, const char *arg, struct err *e)
{
	switch (letter) {
	case '1': return err_set(e, ERR_USAGE, "protocol 1 is gone from SSH; leave out -1");
	case 'E': o->log_file = arg; break;
	case 'F': o->config_file = arg; break;
	case 'f':
		set(o, "ForkAfterAuthentication=yes", NULL);
		set(o, "StdinNull=yes", NULL);
		break;
	case 'G': o->print_config = true; break;
	case 'Z': o->print_keys = true; break;
	case 'Q': o->query = arg; break;
	case 'q': o->quiet = true; break;
	case 't': o->tty++; break;
	case 'V': o->print_version = true; break;
	case 'v': o->verbose++; break;
	case 'y': o->to_syslog = true; break;
	default: break;
	}
	return true;
}

static bool one_option(struct ssh_options *o, const struct option_row *r, const char *arg, struct err *e)
{
	if (r->later)
		return err_set(e, ERR_UNSUPPORTED, "-%c (%s) is not built yet; leave it out", r->letter, r->help);
	if (r->keyword == NULL)
		return special(o, r->letter, arg, e);
	set(o, r->keyword, arg);
	return true;
}

/* One word of flags: "-vp" "22" or "-p22". Returns how many words it took, 0 on error. */
static int flag_word(struct ssh_options *o, char **argv, int left, struct err *e)
{
	for (const char *at = argv[0] + 1; *at; at++) {
		const struct option_row *r = row_of(*at);
		if (r == NULL)
			return err_set(e, ERR_USAGE, "unknown option -%c; see ssh(1)", *at);
		if (r->arg == NULL) {
			if (!one_option(o, r, NULL, e))
				return 0;
			continue;
		}
		const char *arg = at[1] ? at + 1 : left > 1 ? argv[1] : NULL;
		if (arg == NULL)
			return err_set(e, ERR_USAGE, "option -%c wants an argument (%s)", *at, r->arg);
		if (!one_option(o, r, arg, e))
			return 0;
		return at[1] ? 1 : 2;
	}
	return 1;
}

static void replace(char **at, struct slice value)
{
	mem_free(*at);
	*at = slice_dup(value);
}

/* ssh://[user@]host[:port]: %XX is decoded, an IPv6 address stands in brackets. */
static bool destination_uri(struct ssh_options *o, struct slice s, struct err *e)
{
	struct buf text = BUF_INIT(4096);
	for (size_t i = 0; i < s.n; i++) {
		int high, low;
		static const char hex[] = "0123456789abcdef";
		if (s.p[i] != '%') {
			put_u8(&text, s.p[i]);
			continue;
		}
		const char *a = i + 2 < s.n ? strchr(hex, s.p[i + 1] | 0x20) : NULL, *b = a ? strchr(hex, s.p[i + 2] | 0x20) : NULL;
		high = a ? (int)(a - hex) : 16, low = b ? (int)(b - hex) : 16;
		if (high > 15 || low > 15 || high * 16 + low < 32) {
			buf_clear(&text);
			return err_set(e, ERR_USAGE, "ssh://%s: broken %%XX", text_show(s));
		}
		put_u8(&text, (uint8_t)(high * 16 + low));
		i += 2;
	}
	struct slice rest = buf_slice(&text);
	size_t at = rest.n;
	while (at > 0 && rest.p[at - 1] != '@')
		at--;
	if (at > 0) {
		replace(&o->user, slice_of(rest.p, at - 1));
		rest = slice_from(rest, at);
	}
	if (rest.n && rest.p[rest.n - 1] == '/')
		rest.n--;
	struct slice host = rest, port = {0};
	if (rest.n && rest.p[0] == '[') {
		rest = slice_from(rest, 1);
		host = slice_cut(&rest, ']');
		if (rest.n && rest.p[0] == ':')
			port = slice_from(rest, 1);
	} else {
		host = slice_cut(&rest, ':');
		port = rest;
	}
	replace(&o->host, host);
	if (port.n)
		replace(&o->port, port);
	buf_clear(&text);
	return o->host[0] ? true : err_set(e, ERR_USAGE, "ssh://: no host named");
}

bool options_destination(struct ssh_options *o, const char *text, struct err *e)
{
	struct slice s = slice_str(text);
	if (slice_has_prefix(s, "ssh://"))
		return destination_uri(o, slice_from(s, 6), e);
	const char *at = strrchr(text, '@');
	if (at) {
		replace(&o->user, slice_of(text, (size_t)(at - text)));
		text = at + 1;
	}
	replace(&o->host, slice_str(text));
	if (o->host[0] == 0 || o->host[0] == '-' || (at && o->user[0] == 0))
		return err_set(e, ERR_USAGE, "\"%s\" is no destination; write [user@]host", text_show(s));
	return true;
}

static void join_command(struct ssh_options *o, int argc, char **argv)
{
	struct buf b = BUF_INIT(1 << 22);
	for (int i = 0; i < argc; i++) {
		if (i)
			put_u8(&b, ' ');
		put_str(&b, argv[i]);
	}
	if (argc)
		o->command = mem_str(buf_cstr(&b));
	buf_clear(&b);
}

bool options_parse(struct ssh_options *o, int argc, char **argv, struct err *e)
{
	int i = 1;
	*o = (struct ssh_options){0};
	while (i < argc) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			if (o->host || i == argc)
				break;
		} else if (argv[i][0] == '-' && argv[i][1]) {
			int took = flag_word(o, argv + i, argc - i, e);
			if (took == 0)
				return false;
			i += took;
			continue;
		}
		if (o->host)
			break;
		if (!options_destination(o, argv[i++], e))
			return false;
	}
	join_command(o, argc - i, argv + i);
	if (o->tty)
		set(o, o->tty > 1 ? "RequestTTY=force" : "RequestTTY=yes", NULL);
	return true;
}

void options_usage(struct buf *b)
{
	put_str(b, "usage: ssh [-");
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].arg == NULL && !table[i].later && table[i].letter != '1' && table[i].letter != '2')
			put_u8(b, (uint8_t)table[i].letter);
	put_str(b, "]");
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].arg && !table[i].later && table[i].letter != 'Q')
			put_fmt(b, " [-%c %s]", table[i].letter, table[i].arg);
	put_str(b, "\n           destination [command [argument ...]]\n       ssh [-Q query]\n");
}

void options_clear(struct ssh_options *o)
{
	for (size_t i = 0; i < o->nset; i++)
		mem_free(o->set[i]);
	mem_free(o->set);
	mem_free(o->user);
	mem_free(o->host);
	mem_free(o->port);
	mem_free(o->command);
	*o = (struct ssh_options){0};
}
