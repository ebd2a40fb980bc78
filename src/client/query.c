#include "client/query.h"

#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "conf/algs.h"
#include "core/ssh.h"
#include "crypto/box.h"
#include "crypto/kem.h"
#include "key/key.h"

static void put_line(struct buf *b, const char *name)
{
	put_fmt(b, "%s\n", name);
}

static void ciphers(struct buf *b)
{
	size_t n;
	const struct box_alg *rows = box_list(&n);
	for (size_t i = 0; i < n; i++)
		if (box_find(slice_str(rows[i].name)))
			put_line(b, rows[i].name);
}

static void ciphers_auth(struct buf *b)
{
	size_t n;
	const struct box_alg *rows = box_list(&n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].tag_len && box_find(slice_str(rows[i].name)))
			put_line(b, rows[i].name);
}

static void macs(struct buf *b)
{
	size_t n;
	const struct mac_alg *rows = mac_list(&n);
	for (size_t i = 0; i < n; i++)
		if (mac_find(slice_str(rows[i].name)))
			put_line(b, rows[i].name);
}

static void kexes(struct buf *b)
{
	size_t n;
	const struct kem_alg *rows = kem_list(&n);
	for (size_t i = 0; i < n; i++)
		if (kem_find(slice_str(rows[i].name)))
			put_line(b, rows[i].name);
}

/* A type once, however many signature algorithms it has. */
static void key_types(struct buf *b)
{
	size_t n;
	const struct key_alg *rows = key_alg_list(&n);
	for (size_t i = 0; i < n; i++) {
		bool seen = false;
		for (size_t k = 0; k < i; k++)
			seen |= strcmp(rows[k].type, rows[i].type) == 0;
		if (!seen)
			put_line(b, rows[i].type);
	}
}

static void signatures(struct buf *b)
{
	size_t n;
	const struct key_alg *rows = key_alg_list(&n);
	for (size_t i = 0; i < n; i++)
		put_line(b, rows[i].name);
}

static void nothing(struct buf *b)
{
	(void)b;
}

static void compressions(struct buf *b)
{
	put_line(b, "none");
	put_line(b, "zlib");
	put_line(b, "zlib@openssh.com");
}

static void versions(struct buf *b)
{
	put_line(b, "2");
}

static void help(struct buf *b);

static const struct query_row { const char *name; void (*put)(struct buf *); bool alias; } rows[] = {
	{"cipher", ciphers, false}, {"cipher-auth", ciphers_auth, false}, {"compression", compressions, false}, {"kex", kexes, false},
	{"key", key_types, false}, {"key-ca-sign", signatures, false}, {"key-cert", nothing, false}, {"key-plain", key_types, false},
	{"key-sig", signatures, false}, {"mac", macs, false}, {"protocol-version", versions, false}, {"sig", signatures, false},
	{"help", help, false},
	{"Ciphers", ciphers, true}, {"MACs", macs, true}, {"KexAlgorithms", kexes, true}, {"CASignatureAlgorithms", signatures, true},
	{"PubkeyAcceptedAlgorithms", signatures, true}, {"PubkeyAcceptedKeyTypes", signatures, true}, {"HostKeyAlgorithms", signatures, true},
	{"HostbasedAcceptedAlgorithms", signatures, true}, {"HostbasedKeyTypes", signatures, true}, {"HostbasedAcceptedKeyTypes", signatures, true},
};

static void help(struct buf *b)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (!rows[i].alias)
			put_line(b, rows[i].name);
}

bool query_print(const char *what, struct buf *out, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].alias ? strcasecmp(what, rows[i].name) != 0 : strcmp(what, rows[i].name) != 0)
			continue;
		rows[i].put(out);
		return true;
	}
	return err_set(e, ERR_USAGE, "Unsupported query \"%s\"; ssh -Q help lists them", what);
}

void query_version(struct buf *out)
{
	put_fmt(out, "OpenSSH_10.5p1 Hawser_%s, %s\n", HAWSER_VERSION, crypto_version());
}
