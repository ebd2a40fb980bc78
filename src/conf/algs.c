#include "conf/algs.h"

#include <string.h>
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"

#define CERT "-cert-v01@openssh.com"
#define KEX_MODERN \
	"mlkem768x25519-sha256,sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com," \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521"
#define SIG_DEFAULT \
	"ssh-ed25519" CERT ",ecdsa-sha2-nistp256" CERT ",ecdsa-sha2-nistp384" CERT ",ecdsa-sha2-nistp521" CERT "," \
	"sk-ssh-ed25519" CERT ",sk-ecdsa-sha2-nistp256" CERT ",webauthn-sk-ecdsa-sha2-nistp256" CERT "," \
	"rsa-sha2-512" CERT ",rsa-sha2-256" CERT "," \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521," \
	"sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com," \
	"rsa-sha2-512,rsa-sha2-256"
#define CIPHER_DEFAULT \
	"chacha20-poly1305@openssh.com,aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr"
#define MAC_DEFAULT \
	"umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com," \
	"hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com," \
	"umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1"
#define CA_DEFAULT \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521," \
	"sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,webauthn-sk-ecdsa-sha2-nistp256@openssh.com," \
	"rsa-sha2-512,rsa-sha2-256"

const char algs_kex_server[] = KEX_MODERN;
const char algs_kex_client[] = KEX_MODERN
	",diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
	"diffie-hellman-group14-sha256";
const char algs_sig[] = SIG_DEFAULT;
const char algs_cipher[] = CIPHER_DEFAULT;
const char algs_mac[] = MAC_DEFAULT;
const char algs_ca[] = CA_DEFAULT;
const char algs_compression[] = "none,zlib@openssh.com";
const char algs_compression_first[] = "zlib@openssh.com,zlib,none";

static const char *const known[CONF_ALGS_COUNT] = {
	[CONF_ALGS_KEX] = KEX_MODERN
		",diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"
		"diffie-hellman-group14-sha256,mlkem768nistp256-sha256,"
		"diffie-hellman-group14-sha1,diffie-hellman-group1-sha1,diffie-hellman-group-exchange-sha1",
	[CONF_ALGS_SIG] = SIG_DEFAULT
		",ssh-mldsa44-ed25519@openssh.com,ssh-mldsa44-ed25519" CERT ",ssh-rsa,ssh-rsa" CERT,
	[CONF_ALGS_CIPHER] = CIPHER_DEFAULT ",3des-cbc,aes128-cbc,aes192-cbc,aes256-cbc",
	[CONF_ALGS_MAC] = MAC_DEFAULT
		",hmac-sha1-96,hmac-md5,hmac-md5-96,hmac-sha1-96-etm@openssh.com,hmac-md5-etm@openssh.com,"
		"hmac-md5-96-etm@openssh.com",
	[CONF_ALGS_CA] = CA_DEFAULT ",ssh-mldsa44-ed25519@openssh.com,ssh-rsa",
};

/* Names that were once common and are refused for good. */
static const struct obsolete { const char *pattern, *better; } obsolete[] = {
	{"arcfour*", "aes128-gcm@openssh.com is faster and safe"},
	{"blowfish-*", "aes128-gcm@openssh.com is faster and safe"},
	{"cast128-*", "aes128-gcm@openssh.com is faster and safe"},
	{"rijndael-cbc@lysator.liu.se", "aes256-gcm@openssh.com is faster and safe"},
	{"hmac-ripemd160*", "umac-128-etm@openssh.com is faster and safe"},
	{"ssh-dss*", "make a new key with ssh-keygen -t ed25519"},
	{"ssh-xmss*", "make a new key with ssh-keygen -t ed25519"},
};

const char *algs_known(enum conf_algs kind)
{
	return known[kind];
}

char *algs_keep(const char *list, const char *supported)
{
	struct slice rest = slice_str(list), name;
	struct buf b = BUF_INIT(64 << 10);
	while (names_next(&rest, &name))
		if (names_has(slice_str(supported), name))
			names_add_slice(&b, name);
	char *kept = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return kept;
}

static bool unknown_name(struct slice name, const char *all, struct err *e)
{
	for (size_t i = 0; i < ARRAY_LEN(obsolete); i++)
		if (match_wild(name, slice_str(obsolete[i].pattern), false))
			return err_set(e, ERR_UNSUPPORTED, "%s is obsolete and not supported; %s", text_show(name), obsolete[i].better);
	return err_set(e, ERR_FORMAT, "no algorithm is called \"%s\"; known are %.280s%s", text_show(name), all,
		strlen(all) > 280 ? "..." : "");
}

/* Adds the names of `all` that pattern matches and that are not in b yet. */
static bool add_matching(struct buf *b, struct slice pattern, const char *all, struct err *e)
{
	struct slice rest = slice_str(all), name;
	bool found = false;
	while (names_next(&rest, &name)) {
		if (!match_wild(name, pattern, false))
			continue;
		found = true;
		if (!names_has(buf_slice(b), name))
			names_add_slice(b, name);
	}
	return found || unknown_name(pattern, all, e);
}

static bool add_all(struct buf *b, struct slice spec, const char *all, struct err *e)
{
	while (spec.n) {
		struct slice pattern = slice_cut(&spec, ',');
		if (pattern.n && !add_matching(b, pattern, all, e))
			return false;
	}
	return true;
}

/* The default list has been checked: its names count even where `all` lacks them. */
static void add_default(struct buf *b, const char *dflt, struct slice without)
{
	struct slice rest = slice_str(dflt), name;
	while (names_next(&rest, &name))
		if (match_list(name, without, false) != 1 && !names_has(buf_slice(b), name))
			names_add_slice(b, name);
}

char *algs_assemble(struct slice spec, const char *dflt, const char *all, struct err *e)
{
	struct buf b = BUF_INIT(64 << 10);
	struct slice none = slice_of(NULL, 0), rest = slice_from(spec, 1);
	uint8_t how = spec.n ? spec.p[0] : 0;
	bool ok = true;
	char *list = NULL;
	if (how == '+' || how == '-')
		add_default(&b, dflt, how == '-' ? rest : none);
	if (how == '+' || how == '^')
		ok = add_all(&b, rest, all, e);
	else if (how != '-')
		ok = add_all(&b, spec, all, e);
	if (how == '^')
		add_default(&b, dflt, none);
	if (ok && b.len == 0)
		ok = err_set(e, ERR_FORMAT, "\"%s\" leaves no algorithm; name at least one", text_show(spec));
	if (ok)
		list = mem_str(buf_cstr(&b));
	buf_clear(&b);
	return list;
}
