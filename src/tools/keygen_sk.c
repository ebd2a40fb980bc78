/* Keys that a security key makes, keeps and signs with. */
#include "tools/keygen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "client/sk.h"
#include "sys/files.h"

enum { PIN_TRIES = 3, CHALLENGE_MAX = 16 << 10, USER_MAX = 32 };

static const char *provider_of(const struct keygen *k)
{
	const char *named = k->provider ? k->provider : getenv("SSH_SK_PROVIDER");
	return named ? named : "internal";
}

/* What -O says about the new key. */
struct wishes { uint8_t flags; const char *application, *challenge, *device, *user, *attestation; };

static bool take_wish(struct wishes *w, const char *o, struct err *err)
{
	static const struct { const char *word; uint8_t set, clear; } flags[] = {
		{"no-touch-required", 0, SK_TOUCH_REQUIRED}, {"verify-required", SK_VERIFY_REQUIRED, 0}, {"resident", SK_RESIDENT, 0},
	};
	const struct { const char *word; const char **to; } texts[] = {
		{"application=", &w->application}, {"challenge=", &w->challenge}, {"device=", &w->device}, {"user=", &w->user},
		{"write-attestation=", &w->attestation},
	};
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		if (strcasecmp(o, flags[i].word) == 0) {
			w->flags = (uint8_t)((w->flags | flags[i].set) & ~flags[i].clear);
			return true;
		}
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (strncasecmp(o, texts[i].word, strlen(texts[i].word)) == 0) {
			*texts[i].to = o + strlen(texts[i].word);
			return true;
		}
	return err_set(err, ERR_USAGE, "Option \"%s\" is unsupported for FIDO authenticator enrollment", text_show(slice_str(o)));
}

static bool take_wishes(const struct keygen *k, struct wishes *w, struct err *err)
{
	*w = (struct wishes){.flags = SK_TOUCH_REQUIRED, .application = "ssh:"};
	for (size_t i = 0; i < k->noptions; i++)
		if (!take_wish(w, k->option[i], err))
			return false;
	if (strncmp(w->application, "ssh:", 4) != 0)
		return err_set(err, ERR_USAGE, "FIDO application string must begin with \"ssh:\"");
	if (w->user && strlen(w->user) > USER_MAX)
		return err_set(err, ERR_USAGE, "the user of a security key has at most %d bytes", USER_MAX);
	return true;
}

static bool ask_pin(struct buf *pin, struct err *err)
{
	buf_reset(pin);
	return read_passphrase("Enter PIN for authenticator: ", READPASS_STDIN, pin, err);
}

static bool may_replace(const struct wishes *w)
{
	struct buf line = BUF_INIT(256);
	printf("A resident key scoped to '%s' with user id '%s' already exists.\n", w->application, w->user ? w->user : "null");
	bool yes = keygen_ask_line("Overwrite key in token (y/n)? ", &line) && line.len && (line.p[0] == 'y' || line.p[0] == 'Y');
	buf_clear(&line);
	return yes;
}

/* Once more with a PIN where the token wants one, up to three times. */
static struct key *enroll(const struct keygen *k, struct wishes *w, uint32_t alg, struct slice challenge, struct buf *attest, struct err *err)
{
	struct buf pin = BUF_INIT_SECRET(SK_PIN_MAX);
	struct key *key = NULL;
	bool again = false;
	for (unsigned wrong = 0; key == NULL;) {
		struct sk_ask_enroll q = {.alg = alg, .challenge = challenge, .application = slice_str(w->application),
			.device = slice_str(w->device), .user = slice_str(w->user), .flags = w->flags, .pin = buf_slice(&pin)};
		bool exists;
		if (!k->quiet)
			printf("You may need to touch your authenticator%s to authorize key generation.\n", again ? " again" : "");
		fflush(stdout);
		again = true;
		buf_reset(attest);
		key = sk_enroll(&q, provider_of(k), attest, &exists, err);
		if (key)
			break;
		if (exists && !(w->flags & SK_FORCE) && may_replace(w)) {
			w->flags |= SK_FORCE;
			continue;
		}
		if (err->code != ERR_PASSPHRASE)
			break;
		if (pin.len)
			fputs("PIN incorrect\n", stderr);
		if (++wrong > PIN_TRIES) {
			err_set(err, ERR_DENIED, "Too many incorrect PINs");
			break;
		}
		if (!ask_pin(&pin, err))
			break;
	}
	buf_clear(&pin);
	return key;
}

static bool save_attestation(const struct keygen *k, const char *path, const struct buf *attest, struct err *err)
{
	if (path == NULL)
		return true;
	if (attest->len == 0)
		return err_set(err, ERR_MISSING, "Enrollment did not return attestation data");
	if (!file_write(path, buf_slice(attest), 0600, err))
		return false;
	if (!k->quiet)
		printf("Your FIDO attestation certificate has been saved in %s\n", path);
	return true;
}

struct key *keygen_enroll(const struct keygen *k, const struct key_kind *kind, struct err *err)
{
	struct wishes w;
	struct buf challenge = BUF_INIT(CHALLENGE_MAX), attest = BUF_INIT(SK_FRAME_MAX);
	struct key *key = NULL;
	if (take_wishes(k, &w, err) && (w.challenge == NULL || keygen_read(w.challenge, false, &challenge, err))) {
		key = enroll(k, &w, kind->kind == PK_ED25519 ? SK_ED25519 : SK_ECDSA, buf_slice(&challenge), &attest, err);
		if (key == NULL)
			err_prefix(err, "Key enrollment failed");
	}
	if (key && !save_attestation(k, w.attestation, &attest, err)) {
		key_free(key);
		key = NULL;
	}
	buf_clear(&challenge);
	buf_clear(&attest);
	return key;
}

/* What follows "ssh:" in the application, and the user where it is not all zeros; nothing that could lead to another folder. */
static char *resident_path(const struct sk_resident *r)
{
	struct slice app = key_sk(r->key)->application, user = buf_slice(&r->user);
	struct buf name = BUF_INIT(2048), text = BUF_INIT(1024);
	app = slice_has_prefix(app, "ssh://") ? slice_from(app, 6) : slice_has_prefix(app, "ssh:") ? slice_from(app, 4) : app;
	while (user.n && user.p[user.n - 1] == 0)
		user.n--;
	put_text(&text, app, 256, 0);
	if (user.n) {
		put_str(&text, "_");
		put_text(&text, user, 256, 0);
	}
	put_str(&name, key_kind(r->key)->kind == PK_ED25519 ? "id_ed25519_sk_rk" : "id_ecdsa_sk_rk");
	put_str(&name, text.len ? "_" : "");
	for (size_t i = 0; i < text.len; i++)
		put_u8(&name, text.p[i] == '/' || text.p[i] == '\\' ? '_' : text.p[i]);
	char *path = mem_str(buf_cstr(&name));
	buf_clear(&name);
	buf_clear(&text);
	return path;
}

static bool save_resident(const struct keygen *k, const struct sk_resident *r, struct buf *pass, bool *asked, struct err *err)
{
	char *path = resident_path(r), *public_path = keygen_add(path, ".pub");
	struct slice app = key_sk(r->key)->application;
	bool ok = keygen_may_overwrite(path) || err_set(err, ERR_DENIED, "%s was left as it is", path);
	if (ok && !*asked)
		*asked = ok = keygen_get_passphrase(k, path, pass, err);
	ok = ok && keygen_save(k, r->key, path, buf_slice(pass), app, err) && keygen_save_public(r->key, public_path, app, err);
	if (ok && !k->quiet)
		printf("Saved %s key %s to %s\n", key_word(r->key), text_show(app), path);
	mem_free(path);
	mem_free(public_path);
	return ok;
}

int keygen_download(struct keygen *k)
{
	struct err err = {0};
	struct buf pin = BUF_INIT_SECRET(SK_PIN_MAX), pass = BUF_INIT_SECRET(PASSPHRASE_MAX);
	struct sk_resident *list = NULL;
	size_t n = 0;
	const char *device = NULL;
	bool asked = false, ok = true;
	for (size_t i = 0; ok && i < k->noptions; i++)
		if (strncasecmp(k->option[i], "device=", 7) == 0)
			device = k->option[i] + 7;
		else
			ok = err_set(&err, ERR_USAGE, "Option \"%s\" is unsupported for FIDO download", text_show(slice_str(k->option[i])));
	ok = ok && ask_pin(&pin, &err);
	if (ok && !k->quiet)
		puts("You may need to touch your authenticator to authorize key download.");
	fflush(stdout);
	ok = ok && (sk_resident_load(provider_of(k), device, buf_slice(&pin), &list, &n, &err) || err_prefix(&err, "Unable to load resident keys"));
	if (ok && n == 0)
		fputs("No keys to download\n", stderr);
	for (size_t i = 0; ok && i < n; i++)
		ok = save_resident(k, &list[i], &pass, &asked, &err);
	sk_resident_free(list, n);
	buf_clear(&pin);
	buf_clear(&pass);
	return ok ? KEYGEN_OK : keygen_fail(k, &err);
}

/* -p -O touch-required ...: what the token is asked for; the secret in it stays as it is. */
struct key *keygen_with_flags(const struct keygen *k, struct key *take_key, struct err *err)
{
	static const struct { const char *word; uint8_t set, clear; } rows[] = {
		{"touch-required", SK_TOUCH_REQUIRED, 0}, {"no-touch-required", 0, SK_TOUCH_REQUIRED},
		{"verify-required", SK_VERIFY_REQUIRED, 0}, {"no-verify-required", 0, SK_VERIFY_REQUIRED},
	};
	struct key *changed = NULL;
	struct sk_part part = key_sk(take_key) ? *key_sk(take_key) : (struct sk_part){0};
	bool ok = true;
	for (size_t i = 0; ok && i < k->noptions; i++) {
		size_t row = 0;
		while (row < ARRAY_LEN(rows) && strcasecmp(k->option[i], rows[row].word) != 0)
			row++;
		if (row == ARRAY_LEN(rows))
			ok = err_set(err, ERR_USAGE, "Option \"%s\" is unsupported for -p", text_show(slice_str(k->option[i])));
		else if (key_sk(take_key) == NULL)
			ok = err_set(err, ERR_USAGE, "%s is only for keys of security keys", rows[row].word);
		else
			part.flags = (uint8_t)((part.flags | rows[row].set) & ~rows[row].clear);
	}
	if (ok && k->noptions == 0)
		return take_key;
	if (ok)
		changed = key_take_sk(pk_copy(key_pk(take_key)), &part);
	key_free(take_key);
	return changed;
}

bool keygen_sign(const struct keygen *k, const struct key *key, const struct key_alg *alg, const char *name, struct slice data, struct buf *sig, struct err *err)
{
	if (k->away)
		return keygen_away_sign(k, key, alg, data, sig, err);
	struct sk_user user = {provider_of(k), name, k->digest, false};
	return sk_sign(key, alg, &user, data, sig, err);
}
