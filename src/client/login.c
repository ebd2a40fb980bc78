/* How the client proves who it is: answers to the core's asks about credentials (RFC 4252, 4256). */
#include "client/client.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/names.h"
#include "base/text.h"
#include "client/hostbased.h"
#include "client/identity.h"
#include "client/readpass.h"

struct login {
	struct client *c;
	struct identities ids;
	struct hostbased *hostbased;                        /* NULL: not tried yet */
	struct identity *current;
	const struct identity *signer;                      /* of the last signature, whose acceptance is not known yet */
	int passwords, kbdints;                             /* attempts made */
	bool by_host;                                       /* what is to be signed is hostbased */
	bool loaded, none_sent, none_failed;
	struct buf secret, sig, text;                       /* what the last answer points to */
};

enum { ANSWER_MAX = 1 << 20 };

struct login *login_new(struct client *c)
{
	struct login *a = mem_new(sizeof *a);
	*a = (struct login){.c = c, .ids.agent.fd = -1, .secret = BUF_INIT_SECRET(ANSWER_MAX), .sig = BUF_INIT(ANSWER_MAX), .text = BUF_INIT(ANSWER_MAX)};
	return a;
}

void login_free(struct login *a)
{
	if (a == NULL)
		return;
	identities_clear(&a->ids);
	hostbased_free(a->hostbased);
	buf_clear(&a->secret);
	buf_clear(&a->sig);
	buf_clear(&a->text);
	mem_free(a);
}

void login_accepted(struct login *a)
{
	if (a->signer)
		identity_keep(a->c, &a->ids, a->signer);
	a->signer = NULL;
}

static void load(struct login *a)
{
	if (!a->loaded)
		identities_load(a->c, &a->ids);
	a->loaded = true;
}

static struct identity *next_identity(struct login *a, const struct key_alg **alg)
{
	load(a);
	for (size_t i = 0; i < a->ids.n; i++) {
		struct identity *id = &a->ids.at[i];
		if (id->tried)
			continue;
		*alg = identity_alg(a->c, id);
		if (*alg)
			return id;
		log_debug("key %s: no signature algorithm that both sides accept", id->path ? id->path : id->comment);
		id->tried = true;
	}
	return NULL;
}

/* A signature at once saves a round trip and costs little where the key lies open in a file; a slow
 * one only if there is no other key. A key behind a passphrase, or in an agent that may want a human
 * to confirm, is used when the server has said that it takes it. */
static bool sign_at_once(struct login *a, struct identity *id)
{
	const struct key *private = identity_signer(&a->ids, id)->private;
	return private != NULL && !key_kind(private)->sk && (a->ids.n == 1 || strcmp(key_type(id->public), "ssh-rsa") != 0);
}

static bool try_publickey(struct login *a, bool first, struct answer_credential *out)
{
	const struct key_alg *alg = NULL;
	struct identity *id = next_identity(a, &alg);
	if (id == NULL)
		return false;
	if (first && alg->kind == PK_RSA && ssh_peer_sig_algs(a->c->ssh).n == 0)
		return false;                               /* 'none' brings the server's list of algorithms */
	id->tried = true;
	a->current = id;
	out->kind = sign_at_once(a, id) ? CREDENTIAL_SIGN : CREDENTIAL_PROBE;
	out->algorithm = slice_str(alg->name);
	out->blob = buf_slice(&id->blob);
	struct buf print = BUF_INIT(8192);
	identity_put(id, &print);
	log_debug("Offering public key: %s", buf_cstr(&print));
	buf_clear(&print);
	return true;
}

static bool try_password(struct login *a, struct answer_credential *out)
{
	struct client *c = a->c;
	struct err e;
	if (!c->conf.password_authentication || c->conf.batch_mode || a->passwords >= c->conf.number_of_password_prompts)
		return false;
	if (a->passwords++ > 0)
		log_error("Permission denied, please try again.");
	char *prompt = mem_fmt("%s@%s's password: ", text_show(slice_str(c->user)), text_show(slice_str(c->host)));
	buf_reset(&a->secret);
	bool ok = read_passphrase(prompt, 0, &a->secret, &e);
	mem_free(prompt);
	if (!ok) {
		log_debug("password: %s", e.text);
		return false;
	}
	out->kind = CREDENTIAL_PASSWORD;
	out->password = buf_slice(&a->secret);
	return true;
}

static bool try_kbdint(struct login *a, struct answer_credential *out)
{
	struct client *c = a->c;
	if (!c->conf.kbd_interactive_authentication || c->conf.batch_mode || a->kbdints >= c->conf.number_of_password_prompts)
		return false;
	a->kbdints++;
	out->kind = CREDENTIAL_KBDINT;
	out->devices = slice_str(c->conf.kbd_interactive_devices);
	return true;
}

static bool try_hostbased(struct login *a, struct answer_credential *out)
{
	if (a->hostbased == NULL)
		a->hostbased = hostbased_new(a->c);
	return hostbased_next(a->hostbased, out);
}

static bool try_method(struct login *a, struct slice method, bool first, struct answer_credential *out)
{
	if (slice_eq_str(method, "publickey"))
		return a->c->conf.pubkey_authentication != CONF_PUBKEY_NO && try_publickey(a, first, out);
	if (first)
		return false;
	if (slice_eq_str(method, "hostbased"))
		return a->c->conf.hostbased_authentication && try_hostbased(a, out);
	if (slice_eq_str(method, "password"))
		return try_password(a, out);
	if (slice_eq_str(method, "keyboard-interactive"))
		return try_kbdint(a, out);
	return false;
}

static bool is_ours(const struct client *c, struct slice method)
{
	return (c->conf.hostbased_authentication && slice_eq_str(method, "hostbased")) || names_has(SLICE_LIT("publickey,password,keyboard-interactive"), method);
}

static void on_credential(struct login *a, const struct ask_credential *ask, struct answer_credential *out)
{
	struct slice wanted = slice_str(a->c->conf.preferred_authentications), method;
	if (ask->partial) {
		login_accepted(a);
		log_verbose("Authenticated using one method with partial success.");
		a->passwords = a->kbdints = 0;
	}
	a->signer = NULL;
	if (!ask->first && ask->methods.n)
		log_debug("Authentications that can continue: %s", text_show(ask->methods));
	while (names_next(&wanted, &method)) {
		if (!ask->first && !names_has(ask->methods, method))
			continue;
		if (try_method(a, method, ask->first, out)) {
			log_debug("Next authentication method: %s", text_show(method));
			return;
		}
		if (ask->first && is_ours(a->c, method))
			break;                              /* only what is preferred most may go ahead of the server's list */
	}
	if (ask->first) {
		out->kind = CREDENTIAL_NONE;
		return;
	}
	buf_reset(&a->text);
	put_fmt(&a->text, "%s@%s: Permission denied (%s).", text_show(slice_str(a->c->user)), text_show(slice_str(a->c->host)), text_show(ask->methods));
	out->kind = CREDENTIAL_GIVE_UP;
	out->text = buf_slice(&a->text);
}

static void on_sign(struct login *a, const struct ask_sign *ask, struct answer_sign *out)
{
	struct err e = {0};
	struct identity *id = identity_find(&a->ids, ask->blob);
	const struct key_alg *alg = key_alg_find(ask->algorithm);
	buf_reset(&a->sig);
	if (a->by_host)
		out->ok = hostbased_sign(a->hostbased, ask->data, &a->sig, &e);
	else
		out->ok = id && alg && identity_sign(a->c, &a->ids, id, alg, ask->data, &a->sig, &e);
	out->signature = buf_slice(&a->sig);
	a->signer = out->ok && !a->by_host ? identity_signer(&a->ids, id) : NULL;
	if (!out->ok)
		log_error("sign with %s: %s", a->by_host ? "the host's key" : id && id->path ? id->path : "agent key", e.text[0] ? e.text : "no such key");
}

static void say(struct slice text)
{
	struct buf out = BUF_INIT(1 << 16);
	put_text(&out, slice_trim(text), 8192, TEXT_LINES);
	if (out.len)
		log_info("%s", text_show(buf_slice(&out)));
	buf_clear(&out);
}

/* RFC 4256, section 3.2: whose prompt it is stands in front, since the text is the server's. */
static void on_prompts(struct login *a, const struct ask_prompts *ask, struct answer_prompts *out)
{
	struct reader r = reader_of(ask->prompts);
	struct buf prompt = BUF_INIT(1 << 16), reply = BUF_INIT_SECRET(4096);
	buf_reset(&a->secret);
	say(ask->name);
	say(ask->instruction);
	out->ok = ask->count <= 64;
	for (uint32_t i = 0; i < ask->count && out->ok; i++) {
		struct err e;
		struct slice text = get_string(&r);
		bool echo = get_bool(&r);
		buf_reset(&prompt);
		buf_reset(&reply);
		put_fmt(&prompt, "(%s@%s) ", text_show(slice_str(a->c->user)), text_show(slice_str(a->c->host)));
		put_text(&prompt, text, 4096, TEXT_LINES);
		out->ok = !r.bad && read_passphrase(buf_cstr(&prompt), echo ? READPASS_ECHO : 0, &reply, &e);
		put_string(&a->secret, buf_slice(&reply));
	}
	buf_clear(&prompt);
	buf_clear(&reply);
	out->count = ask->count;
	out->responses = buf_slice(&a->secret);
}

static void on_new_password(struct login *a, const struct ask_new_password *ask, struct answer_new_password *out)
{
	struct err e;
	struct buf old = BUF_INIT_SECRET(1024), new = BUF_INIT_SECRET(1024), again = BUF_INIT_SECRET(1024);
	say(ask->prompt);
	out->ok = !a->c->conf.batch_mode && read_passphrase("Enter old password: ", 0, &old, &e);
	while (out->ok) {
		buf_reset(&new);
		buf_reset(&again);
		out->ok = read_passphrase("Enter new password: ", 0, &new, &e) && read_passphrase("Retype new password: ", 0, &again, &e);
		if (!out->ok || slice_eq_secret(buf_slice(&new), buf_slice(&again)))
			break;
		log_info("Mismatch; try again, EOF to quit.");
	}
	buf_reset(&a->secret);
	put_bytes(&a->secret, buf_slice(&old));
	put_bytes(&a->secret, buf_slice(&new));
	out->old_password = slice_of(a->secret.p, old.len);
	out->new_password = slice_from(buf_slice(&a->secret), old.len);
	buf_clear(&old);
	buf_clear(&new);
	buf_clear(&again);
}

void login_answer(struct login *a, const struct ask *ask, struct answer *out)
{
	*out = (struct answer){.kind = ask->kind};
	switch (ask->kind) {
	case ASK_CREDENTIAL:
		on_credential(a, &ask->credential, &out->credential);
		a->by_host = out->credential.kind == CREDENTIAL_HOSTBASED;
		break;
	case ASK_SIGN: on_sign(a, &ask->sign, &out->sign); break;
	case ASK_PROMPTS: on_prompts(a, &ask->prompts, &out->prompts); break;
	case ASK_NEW_PASSWORD: on_new_password(a, &ask->new_password, &out->new_password); break;
	default: break;                                     /* asks of the server's role never come here */
	}
}
