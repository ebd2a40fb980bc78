#include "tools/keygen.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "crypto/filecipher.h"
#include "tools/option.h"

enum act { ACT_FLAG, ACT_TEXT, ACT_BOTH, ACT_LIST, ACT_LATER };

struct option_row {
	char letter;
	enum act act;
	const char *arg;                                    /* NULL: takes none */
	size_t flag, text;                                  /* offsets into struct keygen */
	const char *help;
};

#define AT(name) offsetof(struct keygen, name)
#define FLAG(letter, name, help) {letter, ACT_FLAG, NULL, AT(name), 0, help}
#define TEXT(letter, arg, name, help) {letter, ACT_TEXT, arg, 0, AT(name), help}
#define BOTH(letter, arg, name, text, help) {letter, ACT_BOTH, arg, AT(name), AT(text), help}
#define LATER(letter, arg, help) {letter, ACT_LATER, arg, 0, 0, help}

static const struct option_row options[] = {
	FLAG('A', all, "make all host keys that are missing (-f: prefix of the path)"),
	TEXT('a', "rounds", rounds_text, "work of a passphrase, 1 to 1024 (16)"),
	FLAG('B', bubble, "show fingerprints as bubblebabble"),
	TEXT('b', "bits", bits_text, "rsa: 1024 to 16384 (3072); ecdsa: 256, 384, 521"),
	TEXT('C', "comment", comment, "comment of the new key"),
	FLAG('c', new_comment, "change the comment of a private key"),
	BOTH('D', "pkcs11", token, library, "list the public keys of a PKCS#11 library; with -s: the CA key is there"),
	TEXT('E', "sha256|md5", hash_text, "hash of fingerprints: sha256 (default) or md5"),
	FLAG('e', export, "print a public key in another format (-m)"),
	BOTH('F', "host", find, host, "find a host in known_hosts"),
	TEXT('f', "file", file, "key file, or known_hosts file; - reads standard input"),
	FLAG('g', generic, "with -r: generic form of records"),
	FLAG('H', hash, "hash the names in a known_hosts file"),
	FLAG('h', for_host, "make a certificate for a host"),
	TEXT('I', "identity", identity, "key id of a certificate; with -Y: who signed"),
	FLAG('i', import, "print a public key of another format as ours"),
	FLAG('K', download, "fetch the resident keys of a security key into the current folder"),
	FLAG('k', make_krl, "make a key revocation list of the files that follow"),
	FLAG('L', print_cert, "print certificates"),
	FLAG('l', fingerprint, "show fingerprints (-v: with random art)"),
	BOTH('M', "generate|screen", moduli, step, "find moduli for group exchange: candidates, then test these"),
	TEXT('m', "RFC4716|PKCS8|PEM", format_text, "format of private keys (RFC4716: OpenSSH's own), of -e and of -i"),
	TEXT('N', "passphrase", pass, "new passphrase"),
	TEXT('n', "principals", names, "whom a certificate is for; with -Y: namespace"),
	{'O', ACT_LIST, "option", 0, 0, "option of a certificate, of a security key, of -Y or -r"},
	FLAG('o', ignored, "no effect: OpenSSH's own format is the default"),
	TEXT('P', "passphrase", old_pass, "passphrase that the key has"),
	FLAG('p', new_passphrase, "change the passphrase of a private key"),
	FLAG('Q', ask_krl, "are the keys in the files that follow revoked? (-l: print the list)"),
	FLAG('q', quiet, "say nothing"),
	BOTH('R', "host", remove, host, "remove a host from known_hosts"),
	BOTH('r', "host", sshfp, zone, "SSHFP records of a host; with -Y verify: revoked keys"),
	BOTH('s', "ca_key", sign_cert, ca, "certify the public keys in the files that follow; with -k: CA; with -Y: signature"),
	TEXT('t', "ed25519|ecdsa|rsa|ed25519-sk|ecdsa-sk|mldsa44-ed25519", type, "type of the new key"),
	FLAG('U', in_agent, "the CA key, or with -Y sign the key, is in the agent"),
	FLAG('u', update, "with -k: add to the list"),
	TEXT('V', "interval", validity, "validity of a certificate, from:to"),
	FLAG('v', verbose, "say more"),
	TEXT('w', "provider", provider, "library for security keys"),
	FLAG('X', import, "old name of -i"),
	BOTH('Y', "sign|verify|check-novalidate|find-principals|match-principals", file_step, step, "work on signatures of files"),
	FLAG('y', print_public, "print the public key of a private one"),
	TEXT('Z', "cipher", cipher, "cipher of the private file (aes256-ctr)"),
	TEXT('z', "serial", serial, "serial number of a certificate, +n counts on; with -k: version"),
};

/* Who does it, in the order in which they are looked at. */
static const struct step { size_t flag; int (*run)(struct keygen *); bool takes_args; } steps[] = {
	{AT(file_step), keygen_file_signature, true},
	{AT(moduli), keygen_moduli, true},
	{AT(make_krl), keygen_make_krl, true},
	{AT(ask_krl), keygen_ask_krl, true},
	{AT(find), keygen_known_hosts, false},
	{AT(remove), keygen_known_hosts, false},
	{AT(hash), keygen_known_hosts, false},
	{AT(token), keygen_token_keys, true},
	{AT(fingerprint), keygen_fingerprint, false},
	{AT(bubble), keygen_fingerprint, false},
	{AT(print_cert), keygen_print_cert, false},
	{AT(new_passphrase), keygen_change_passphrase, false},
	{AT(new_comment), keygen_change_comment, false},
	{AT(print_public), keygen_print_public, false},
	{AT(sshfp), keygen_sshfp, false},
	{AT(export), keygen_export, false},
	{AT(import), keygen_import, false},
	{AT(sign_cert), keygen_sign_cert, true},
	{AT(download), keygen_download, false},
	{AT(all), keygen_all, false},
};
static const struct step otherwise = {0, keygen_generate, false};

static void usage(const char *program)
{
	fprintf(stderr, "usage: %s [options]\n", program);
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].act != ACT_LATER)
			fprintf(stderr, "  -%c %-17s %s\n", options[i].letter, options[i].arg ? options[i].arg : "", options[i].help);
	fputs("Without -A, -B, -c, -D, -e, -F, -H, -i, -K, -k, -L, -l, -M, -p, -Q, -R, -r, -s, -Y or -y a new key is made.\n", stderr);
}

static bool *flag_at(struct keygen *k, size_t offset)
{
	return (bool *)((uint8_t *)k + offset);
}

bool keygen_option(size_t i, struct tool_option *out)
{
	if (i >= ARRAY_LEN(options))
		return false;
	*out = (struct tool_option){options[i].letter, options[i].arg, options[i].act == ACT_LATER, options[i].help};
	return true;
}

static const struct option_row *row_of(int letter)
{
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		if (options[i].letter == letter)
			return &options[i];
	return NULL;
}

static bool take_option(struct keygen *k, const struct option_row *row, char *value)
{
	switch (row->act) {
	case ACT_FLAG:
		*flag_at(k, row->flag) = true;
		break;
	case ACT_BOTH:
		*flag_at(k, row->flag) = true;
		*(const char **)((uint8_t *)k + row->text) = value;
		break;
	case ACT_TEXT:
		*(const char **)((uint8_t *)k + row->text) = value;
		break;
	case ACT_LIST:
		LIST_PUSH(k->option, k->noptions, value);
		break;
	case ACT_LATER:
		fprintf(stderr, "%s: -%c is not built yet (%s)\n", k->program, row->letter, row->help);
		return false;
	}
	return true;
}

/* The letters of getopt(3) from the table. */
static bool read_options(struct keygen *k, int argc, char **argv, int *status)
{
	char letters[2 * ARRAY_LEN(options) + 1];
	size_t n = 0;
	int c;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		letters[n++] = options[i].letter;
		if (options[i].arg)
			letters[n++] = ':';
	}
	letters[n] = 0;
	*status = KEYGEN_NO;
	while ((c = getopt(argc, argv, letters)) != -1) {
		const struct option_row *row = row_of(c);
		if (row == NULL) {
			usage(k->program);
			return false;
		}
		if (!take_option(k, row, optarg))
			return false;
	}
	k->arg = argv + optind;
	k->nargs = (size_t)(argc - optind);
	return true;
}

static bool number_of(const char *text, const char *what, uint32_t least, uint32_t most, uint32_t *out, struct err *err)
{
	uint64_t v;
	if (!slice_to_u64(slice_str(text), &v) || v < least || v > most)
		return err_set(err, ERR_USAGE, "%s has bad value %s: give a number from %u to %u", what, text_show(slice_str(text)), least, most);
	*out = (uint32_t)v;
	return true;
}

static bool format_of(struct keygen *k, struct err *err)
{
	k->format = KEYFILE_OPENSSH;
	if (k->format_text == NULL || strcasecmp(k->format_text, "RFC4716") == 0)
		return true;
	if (strcasecmp(k->format_text, "PEM") == 0)
		k->format = KEYFILE_PEM;
	else if (strcasecmp(k->format_text, "PKCS8") == 0)
		k->format = KEYFILE_PKCS8;
	else
		return err_set(err, ERR_USAGE, "unsupported format \"%s\": give RFC4716, PKCS8 or PEM", text_show(slice_str(k->format_text)));
	return true;
}

static bool check_values(struct keygen *k, struct err *err)
{
	struct slice digest = slice_str(k->hash_text ? k->hash_text : "sha256");
	k->digest = slice_eq_fold(digest, SLICE_LIT("sha256")) ? &hash_sha256 : slice_eq_fold(digest, SLICE_LIT("md5")) ? &hash_md5
	    : slice_eq_fold(digest, SLICE_LIT("sha1")) ? &hash_sha1 : slice_eq_fold(digest, SLICE_LIT("sha384")) ? &hash_sha384
	    : slice_eq_fold(digest, SLICE_LIT("sha512")) ? &hash_sha512 : NULL;
	if (k->digest == NULL)
		return err_set(err, ERR_USAGE, "invalid hash algorithm \"%s\"", text_show(digest));
	if (k->bits_text && !number_of(k->bits_text, "Bits", 1, 32768, &k->bits, err))
		return false;
	if (k->rounds_text && !number_of(k->rounds_text, "Rounds", 1, KEYFILE_ROUNDS_MAX, &k->rounds, err))
		return false;
	if (k->cipher && filecipher_find(slice_str(k->cipher)) == NULL)
		return err_set(err, ERR_USAGE, "cipher %s is not supported for key files", text_show(slice_str(k->cipher)));
	if (k->new_passphrase && k->new_comment)
		return err_set(err, ERR_USAGE, "can only have one of -p and -c");
	if (k->fingerprint && (k->remove || k->hash))
		return err_set(err, ERR_USAGE, "cannot use -l with -H or -R");
	return format_of(k, err);
}

static const struct step *step_of(struct keygen *k)
{
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (*flag_at(k, steps[i].flag))
			return &steps[i];
	return &otherwise;
}

static int run(struct keygen *k)
{
	const struct step *step = step_of(k);
	struct err err = {0};
	if (!check_values(k, &err)) {
		fprintf(stderr, "%s: %s\n", k->program, err.text);
		return KEYGEN_FAILED;
	}
	if (k->nargs && !step->takes_args) {
		fprintf(stderr, "%s: too many arguments, beginning with \"%s\"\n", k->program, text_show(slice_str(k->arg[0])));
		usage(k->program);
		return KEYGEN_NO;
	}
	return step->run(k);
}

int keygen_main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	struct keygen k = {.program = slash ? slash + 1 : "ssh-keygen"};
	int status;
	crypto_lock_keys();
	if (read_options(&k, argc, argv, &status))
		status = run(&k);
	mem_free(k.option);
	return status;
}
