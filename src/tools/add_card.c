/* ssh-add -s and -e: the keys of a PKCS#11 library, which the agent loads. */
#include "tools/add.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/agent_msg.h"
#include "agent/private.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "key/cert.h"
#include "tools/keygen.h"
#include "wire/token_msg.h"

static bool put_certs(char **paths, struct buf *out, struct err *err)
{
	for (; *paths; paths++) {
		struct buf text = BUF_INIT(4 * CERT_MAX);
		struct cert *cert = NULL;
		if (keygen_read(*paths, false, &text, err)) {
			cert = cert_from_line(slice_trim(buf_slice(&text)), NULL, err);
			if (cert == NULL)
				err_prefix(err, "%s", *paths);
		}
		if (cert)
			put_string(out, buf_slice(&cert->blob));
		buf_clear(&text);
		cert_free(cert);
		if (cert == NULL)
			return false;
	}
	return !out->bad || err_set(err, ERR_LIMIT, "too many certificates");
}

/* PROTOCOL.agent of OpenSSH, associated-certs-v00@openssh.com. */
static void put_limits(const struct add *a, struct slice certs, struct buf *out)
{
	struct agent_limits limits = {a->lifetime, a->confirm, buf_slice(&a->dest)};
	agent_put_limits(&limits, out);
	if (certs.n == 0)
		return;
	put_u8(out, AGENT_CONSTRAIN_EXTENSION);
	put_cstring(out, AGENT_CONSTRAINT_CERTS);
	put_bool(out, a->certs_only);
	put_string(out, certs);
}

static bool send_card(struct add *a, const char *provider, bool add, struct slice pin, struct slice certs, struct err *err)
{
	struct buf limits = BUF_INIT(AGENT_MESSAGE_MAX), message = BUF_INIT_SECRET(AGENT_MESSAGE_MAX);
	if (add)
		put_limits(a, certs, &limits);
	struct agent_card m = {slice_str(provider), pin, buf_slice(&limits)};
	uint8_t number = !add ? AGENT_REMOVE_CARD : limits.len ? AGENT_ADD_CARD_CONSTRAINED : AGENT_ADD_CARD;
	msg_encode(agent_msg_row(number), &m, &message);
	bool ok = limits.bad || message.bad ? err_set(err, ERR_LIMIT, "too much for an agent") : agentio_do(&a->agent, buf_slice(&message), err);
	buf_clear(&limits);
	buf_clear(&message);
	return ok;
}

int add_card(struct add *a, const char *provider, char **certs)
{
	struct buf pin = BUF_INIT_SECRET(TOKEN_PIN_MAX), blobs = BUF_INIT(AGENT_MESSAGE_MAX);
	struct err err = {0};
	bool ok = put_certs(certs, &blobs, &err) && read_passphrase("Enter passphrase for PKCS#11: ", READPASS_STDIN, &pin, &err);
	ok = ok && (send_card(a, provider, true, buf_slice(&pin), buf_slice(&blobs), &err) || err_prefix(&err, "Could not add card \"%s\"", provider));
	buf_clear(&pin);
	buf_clear(&blobs);
	if (!ok)
		return add_fail(a, &err);
	if (!a->quiet)
		fprintf(stderr, "Card added: %s\n", text_show(slice_str(provider)));
	return ADD_OK;
}

int add_remove_card(struct add *a, const char *provider)
{
	struct err err = {0};
	if (!send_card(a, provider, false, slice_of(NULL, 0), slice_of(NULL, 0), &err)) {
		err_prefix(&err, "Could not remove card \"%s\"", provider);
		return add_fail(a, &err);
	}
	if (!a->quiet)
		fprintf(stderr, "Card removed: %s\n", text_show(slice_str(provider)));
	return ADD_OK;
}
