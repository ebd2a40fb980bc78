/* ssh-add -h: hosts by name become hosts by key (PROTOCOL.agent of OpenSSH, restrict-destination-v00@openssh.com). */
#include "tools/add.h"

#include <string.h>

#include "agent/dest.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "key/known_hosts.h"
#include "sys/files.h"

static const char *const default_files[] = {"~/.ssh/known_hosts", "~/.ssh/known_hosts2", PATH_ETC "/ssh_known_hosts", PATH_ETC "/ssh_known_hosts2"};

struct known { struct buf *at; size_t n; };

static bool load_file(struct known *k, const char *name, bool must, struct err *err)
{
	struct file_policy policy = {FILE_FOLLOW, 0, KNOWN_HOSTS_MAX};
	struct buf text = BUF_INIT(KNOWN_HOSTS_MAX);
	char *path = file_expand(name, file_home(), err);
	bool ok = path && file_read(path, &policy, &text, err);
	if (!ok && !must && err->code == ERR_MISSING)
		ok = true;
	mem_free(path);
	LIST_PUSH(k->at, k->n, text);
	return ok;
}

static bool load(const struct add *a, struct known *k, struct err *err)
{
	for (size_t i = 0; i < a->known_n; i++)
		if (!load_file(k, a->known_hosts[i], true, err))
			return false;
	for (size_t i = 0; a->known_n == 0 && i < ARRAY_LEN(default_files); i++)
		if (!load_file(k, default_files[i], false, err))
			return false;
	return true;
}

static void put_keys(const struct buf *text, struct slice host, size_t *found, struct buf *out)
{
	struct known_reader r = known_reader_of(buf_slice(text));
	struct known_line l;
	while (known_next(&r, &l)) {
		if (!l.is_entry || l.marker == KNOWN_REVOKED_KEY || !known_line_matches(&l, host))
			continue;
		struct key *key = known_line_key(&l);
		struct buf blob = BUF_INIT(CERT_MAX);
		if (key) {
			key_blob(key, &blob);
			put_string(out, buf_slice(&blob));
			put_bool(out, l.marker == KNOWN_CA);
			++*found;
		}
		buf_clear(&blob);
		key_free(key);
	}
}

/* "[user@]host"; an empty text is the machine of the agent. */
static bool put_hop(const struct known *k, struct slice text, struct buf *out, struct err *err)
{
	struct buf hop = BUF_INIT(AGENT_MESSAGE_MAX), name = BUF_INIT(512);
	size_t found = 0;
	struct slice user = {NULL, 0}, host = text;
	if (memchr(text.p ? text.p : (const uint8_t *)"", '@', text.n))
		user = slice_cut(&host, '@');
	char *typed = slice_dup(host);
	known_hosts_name(typed, 0, &name);
	put_string(&hop, user);
	put_string(&hop, buf_slice(&name));
	put_string(&hop, slice_of(NULL, 0));
	for (size_t i = 0; host.n && i < k->n; i++)
		put_keys(&k->at[i], buf_slice(&name), &found, &hop);
	put_string(out, buf_slice(&hop));
	bool ok = !hop.bad && !name.bad;
	if (text.n && (host.n == 0 || found == 0))
		ok = err_set(err, ERR_MISSING, "No host keys found for destination \"%s\"; log in there once, or name a file with -H", text_show(host));
	else if (!ok)
		err_set(err, ERR_LIMIT, "too many host keys for destination \"%s\"", text_show(host));
	log_debug("destination %s: %zu host keys", text_show(text), found);
	mem_free(typed);
	buf_clear(&hop);
	buf_clear(&name);
	return ok;
}

static bool put_destination(const struct known *k, const char *text, struct buf *out, struct err *err)
{
	struct buf both = BUF_INIT(AGENT_MESSAGE_MAX);
	struct slice from = {NULL, 0}, to = slice_str(text);
	bool two = strchr(text, '>') != NULL;
	if (two)
		from = slice_cut(&to, '>');
	if ((two && from.n == 0) || to.n == 0 || memchr(to.p, '>', to.n) || (two && memchr(from.p, '@', from.n)))
		return err_set(err, ERR_FORMAT, "Invalid key destination constraint \"%s\"; write [user@]host or host>[user@]host", text_show(slice_str(text)));
	bool ok = put_hop(k, from, &both, err) && put_hop(k, to, &both, err);
	put_string(&both, slice_of(NULL, 0));
	put_string(out, buf_slice(&both));
	if (ok && (both.bad || out->bad))
		ok = err_set(err, ERR_LIMIT, "too many destinations");
	buf_clear(&both);
	return ok;
}

bool add_destinations(struct add *a, struct err *err)
{
	struct known k = {0};
	bool ok = a->dest_n == 0 || load(a, &k, err);
	if (ok && a->dest_n > DEST_MAX)
		ok = err_set(err, ERR_LIMIT, "more than %d destination constraints", DEST_MAX);
	for (size_t i = 0; ok && i < a->dest_n; i++)
		ok = put_destination(&k, a->destinations[i], &a->dest, err);
	ok = ok && (a->dest_n == 0 || dest_valid(buf_slice(&a->dest), err));
	for (size_t i = 0; i < k.n; i++)
		buf_clear(&k.at[i]);
	mem_free(k.at);
	return ok;
}
