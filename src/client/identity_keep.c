/* AddKeysToAgent: a key from a file that the server took goes into the agent. */
#include "client/identity.h"

#include "agent/agent_msg.h"
#include "agent/private.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "client/readpass.h"
#include "client/sk.h"

static bool user_agrees(const struct identity *id, const char *comment)
{
	struct buf answer = BUF_INIT_SECRET(1024);
	struct err e = {0};
	char *prompt = mem_fmt("Add key %s (%s) to agent?", text_show(slice_str(id->path)), text_show(slice_str(comment)));
	bool yes = read_passphrase(prompt, READPASS_CONFIRM, &answer, &e) && askpass_is_yes(&answer);
	mem_free(prompt);
	buf_clear(&answer);
	return yes;
}

void identity_keep(struct client *c, struct identities *l, const struct identity *id)
{
	const struct conf_lifetime *how = &c->conf.add_keys_to_agent;
	struct agent_limits limits = {.lifetime = how->seconds, .confirm = how->mode == CONF_CONFIRM};
	struct buf message = BUF_INIT_SECRET(AGENT_MESSAGE_MAX);
	struct err e = {0};
	if (how->mode == CONF_NO || !l->has_agent || id->in_agent || id->private == NULL || id->path == NULL)
		return;
	if (key_kind(id->private)->sk) {
		limits.sk_provider = sk_provider_of(c->conf.security_key_provider);
		if (limits.sk_provider == NULL)
			return;
	}
	const char *comment = id->comment ? id->comment : id->path;
	if (how->mode == CONF_ASK && !user_agrees(id, comment)) {
		log_debug("the user wants %s not in the agent", id->path);
		return;
	}
	agent_put_add(id->private, slice_of(NULL, 0), slice_str(comment), &limits, &message);
	/* A socket that is bound to a session counts as one that others may use: an agent takes no libraries from there. */
	struct agentio agent;
	bool open = identity_agent(c, &agent);
	if (open && !message.bad && agentio_do(&agent, buf_slice(&message), &e))
		log_debug("identity added to agent: %s", id->path);
	else
		log_debug("could not add identity to agent: %s (%s)", id->path, e.text);
	if (open)
		agentio_close(&agent);
	buf_clear(&message);
}
