#include "server/hostkeys.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "key/keyfile.h"
#include "sys/files.h"

static struct key *load(const char *path, struct err *err)
{
	struct file_policy policy = {.flags = FILE_FOLLOW | FILE_OWNED | FILE_NO_OTHERS, .owner = geteuid(), .max = KEYFILE_MAX};
	struct buf text = BUF_INIT_SECRET(KEYFILE_MAX);
	struct key *key = NULL;
	if (file_read(path, &policy, &text, err)) {
		key = keyfile_read(buf_slice(&text), (struct slice){0}, NULL, err);
		if (key == NULL)
			err_prefix(err, "%s", path);
	}
	buf_clear(&text);
	return key;
}

static bool has_type(const struct hostkeys *keys, const struct key *key)
{
	for (size_t i = 0; i < keys->n; i++)
		if (strcmp(key_type(keys->at[i]), key_type(key)) == 0)
			return true;
	return false;
}

bool hostkeys_load(const struct sshd_conf *conf, struct hostkeys *keys)
{
	bool named = SSHD_GIVEN(conf, host_key);
	keys->at = mem_list(conf->host_key.n, sizeof *keys->at);
	keys->blob = mem_list(conf->host_key.n, sizeof *keys->blob);
	keys->n = 0;
	for (size_t i = 0; i < conf->host_key.n; i++) {
		struct err err = {0};
		struct key *key = load(conf->host_key.v[i], &err);
		if (key && has_type(keys, key)) {
			log_debug("host key %s: another of type %s is in use already", conf->host_key.v[i], key_type(key));
			key_free(key);
			continue;
		}
		if (key == NULL) {
			log_at(named ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG1, "Unable to load host key: %s", err.text);
			continue;
		}
		keys->at[keys->n] = key;
		keys->blob[keys->n] = BUF_INIT(1 << 16);
		key_blob(key, &keys->blob[keys->n++]);
	}
	return keys->n > 0;
}

void hostkeys_clear(struct hostkeys *keys)
{
	for (size_t i = 0; i < keys->n; i++) {
		key_free(keys->at[i]);
		buf_clear(&keys->blob[i]);
	}
	mem_free(keys->at);
	mem_free(keys->blob);
	*keys = (struct hostkeys){0};
}

const struct key *hostkeys_find(const struct hostkeys *keys, struct slice blob)
{
	for (size_t i = 0; i < keys->n; i++)
		if (slice_eq(buf_slice(&keys->blob[i]), blob))
			return keys->at[i];
	return NULL;
}

char *hostkeys_algorithms(const struct hostkeys *keys, const char *configured)
{
	struct buf out = BUF_INIT(8192);
	struct slice list = slice_str(configured), name;
	while (names_next(&list, &name)) {
		const struct key_alg *alg = key_alg_find(name);
		for (size_t i = 0; alg && i < keys->n; i++)
			if (strcmp(alg->type, key_type(keys->at[i])) == 0) {
				names_add_slice(&out, name);
				break;
			}
	}
	char *s = mem_str(buf_cstr(&out));
	buf_clear(&out);
	return s;
}
