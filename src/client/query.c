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

/* Key types and signatures stand in another order here than in offers, each with its certificate behind it. */
static const char *const key_order[] = {
	"ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-mldsa44-ed25519@openssh.com", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
	"ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com", "webauthn-sk-ecdsa-sha2-nistp256@openssh.com", "ssh-rsa",
	"rsa-sha2-256", "rsa-sha2-512",
};
enum { PLAIN = 1, CERTS = 2, TYPES_ONLY = 4 };

static void put_certificate(struct buf *b, const struct key_alg *plain)
{
	size_t n;
	const struct key_alg *rows = key_alg_list(&n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].plain == plain)
			put_line(b, rows[i].name);
}

static void put_keys(struct buf *b, unsigned which)
{
	for (size_t i = 0; i < ARRAY_LEN(key_order); i++) {
		const struct key_alg *plain = key_alg_find(slice_str(key_order[i]));
		if (plain == NULL || (which & TYPES_ONLY && strcmp(plain->name, plain->type) != 0))
			continue;
		if (which & PLAIN)
			put_line(b, plain->name);
		if (which & CERTS)
			put_certificate(b, plain);
	}
}

static void keys(struct buf *b)
{
	put_keys(b, PLAIN | CERTS | TYPES_ONLY);
}

static void keys_plain(struct buf *b)
{
	put_keys(b, PLAIN | TYPES_ONLY);
}

static void keys_cert(struct buf *b)
{
	put_keys(b, CERTS | TYPES_ONLY);
}

static void signatures_plain(struct buf *b)
{
	put_keys(b, PLAIN);
}

static void signatures(struct buf *b)
{
	put_keys(b, PLAIN | CERTS);
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
	{"key", keys, false}, {"key-ca-sign", signatures_plain, false}, {"key-cert", keys_cert, false}, {"key-plain", keys_plain, false},
	{"key-sig", signatures, false}, {"mac", macs, false}, {"protocol-version", versions, false}, {"sig", signatures_plain, false},
	{"help", help, false},
	{"Ciphers", ciphers, true}, {"MACs", macs, true}, {"KexAlgorithms", kexes, true}, {"CASignatureAlgorithms", signatures_plain, true},
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
	put_fmt(out, SSH_RELEASE " Hawser_%s, %s\n", HAWSER_VERSION, crypto_version());
}
