#include "tools/keyscan.h"

#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "key/cert.h"
#include "key/keyfile.h"
#include "key/known_hosts.h"
#include "tools/sshfp.h"

bool keyscan_blob_ok(const struct keyscan *k, struct slice blob)
{
	struct cert *cert = NULL;
	struct key *key = key_from_any(blob, &cert, NULL);
	bool ok = key && (cert != NULL) == k->certificates;
	cert_free(cert);
	key_free(key);
	return ok;
}

void keyscan_print_version(const struct keyscan *k, const char *name, struct slice version)
{
	struct buf b = BUF_INIT(4096);
	if (k->quiet)
		return;
	put_fmt(&b, "%c %s:%u ", k->sshfp ? ';' : '#', text_show(slice_str(name)), k->port);
	put_text(&b, version, 255, 0);
	fprintf(stderr, "%s\n", buf_cstr(&b));
	buf_clear(&b);
}

static void put_records(struct keyscan *k, struct buf *out, struct slice host, struct slice blob)
{
	char *zone = slice_dup(host);
	struct key *key = k->certificates ? NULL : key_from_blob(blob, NULL);
	if (!key || !sshfp_put(out, zone, key, k->only, false))
		log_error("%s: keys of this kind have no SSHFP record", text_show(host));
	key_free(key);
	mem_free(zone);
}

/* The type and the key; its type is one of ours, since the key exchange was signed under it. */
static void put_key(struct buf *out, struct slice blob)
{
	struct reader r = reader_of(blob);
	put_bytes(out, get_string(&r));
	put_str(out, " ");
	put_base64(out, blob);
	put_str(out, "\n");
}

static void put_line(struct keyscan *k, struct buf *out, struct slice host, struct slice blob)
{
	struct buf name = BUF_INIT(4096);
	char *text = slice_dup(host);
	if (!k->certificates) {
		known_hosts_name(text, k->port, &name);
		if (k->hash_names)
			known_hosts_put_hashed_name(out, buf_slice(&name));
		else
			put_bytes(out, buf_slice(&name));
		put_str(out, " ");
	}
	put_key(out, blob);
	mem_free(text);
	buf_clear(&name);
}

/* One line for all names where that can be said; otherwise one for each. */
void keyscan_print_key(struct keyscan *k, struct slice shown, struct slice blob)
{
	struct buf out = BUF_INIT(1 << 20);
	bool together = !k->sshfp && (k->certificates || (!k->hash_names && k->port == 22));
	struct slice name;
	k->found = true;
	if (together)
		put_line(k, &out, shown, blob);
	while (!together && names_next(&shown, &name)) {
		if (k->sshfp)
			put_records(k, &out, name, blob);
		else
			put_line(k, &out, name, blob);
	}
	fwrite(out.p, 1, out.len, stdout);
	fflush(stdout);
	buf_clear(&out);
}
