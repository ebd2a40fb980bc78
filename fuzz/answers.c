#include "fuzz/answers.h"

#include "base/mem.h"

static const uint8_t host_key[] = "\0\0\0\013ssh-ed25519\0\0\0\040" "\327\132\230\001\202\261\012\267\325\113\376\323\311\144\007\072"
	"\016\341\162\363\332\246\043\045\257\002\032\150\367\007\121\032";   /* RFC 8032, 7.1, test 1 */

struct ssh_setup fuzz_setup(enum ssh_role role)
{
	static const struct slice keys[1] = {{host_key, sizeof host_key - 1}};
	static const char kex[] = "curve25519-sha256,ecdh-sha2-nistp256,diffie-hellman-group-exchange-sha256,mlkem768x25519-sha256";
	struct ssh_setup s = {
		.role = role, .software = "Fuzz_1", .user = "ann", .now = 1000, .host_keys = keys, .host_key_count = 1, .sig_algs = "ssh-ed25519",
		.algs = {kex, "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none,zlib@openssh.com", "none,zlib@openssh.com"},
		.channel_max = 16, .trace = LOG_LEVEL_DEBUG3, .keepalive_ms = 15000, .keepalive_count = 3,
	};
	return s;
}

struct ssh *fuzz_ssh(enum ssh_role role)
{
	struct ssh_setup s = fuzz_setup(role);
	return ssh_new(&s);
}

static void answer(struct ssh *ssh, const struct ask *ask)
{
	static unsigned turn;
	struct answer a = {.kind = ask->kind};
	turn++;
	switch (ask->kind) {
	case ASK_HOSTSIGN:
	case ASK_SIGN:
		a.sign.ok = turn % 7 != 0;
		a.sign.signature = SLICE_LIT("\0\0\0\013ssh-ed25519\0\0\0\001x");
		break;
	case ASK_HOSTKEY: a.yes.ok = true; break;
	case ASK_CREDENTIAL:
		a.credential.kind = (uint8_t)(turn % 6);
		a.credential.algorithm = SLICE_LIT("ssh-ed25519");
		a.credential.blob = slice_of(host_key, sizeof host_key - 1);
		a.credential.password = SLICE_LIT("secret");
		break;
	case ASK_PROMPTS:
		a.prompts.ok = true;
		a.prompts.count = ask->prompts.count == 1;
		a.prompts.responses = a.prompts.count ? SLICE_LIT("\0\0\0\001x") : slice_of(NULL, 0);
		break;
	case ASK_AUTH_NONE: case ASK_PASSWORD: case ASK_KEY_OK: case ASK_VERIFY: case ASK_KBDINT: case ASK_KBDINT_REPLY: case ASK_HOSTBASED:
		a.auth.verdict = (uint8_t)(ask->kind == ASK_KEY_OK ? AUTH_KEY_OK : ask->kind == ASK_KBDINT ? AUTH_PROMPTS : turn % 3);
		a.auth.methods = SLICE_LIT("publickey,password,keyboard-interactive");
		a.auth.count = ask->kind == ASK_KBDINT;
		a.auth.prompts = SLICE_LIT("\0\0\0\001?\001");
		if (a.auth.count == 0)
			a.auth.prompts = slice_of(NULL, 0);
		break;
	default: break;
	}
	ssh_answer(ssh, &a);
}

void fuzz_event(struct ssh *ssh, const struct ssh_event *ev)
{
	switch (ev->kind) {
	case EV_ASK: answer(ssh, &ev->ask); break;
	case EV_OPEN:
		if (ev->data.n % 5 == 4)
			chan_refuse(ssh, ev->chan, OPEN_PROHIBITED, "no");
		else
			chan_accept(ssh, ev->chan, slice_of(NULL, 0));
		break;
	case EV_DATA: chan_consumed(ssh, ev->chan, ev->data.n); break;
	case EV_REQUEST:
		if (ev->want_reply)
			chan_reply(ssh, ev->chan, ev->name.n % 2);
		chan_write(ssh, ev->chan, STREAM_OUT, SLICE_LIT("some bytes"));
		break;
	case EV_EOF: chan_eof(ssh, ev->chan); break;
	case EV_GLOBAL:
		if (ev->want_reply)
			ssh_global_reply(ssh, ev->name.n % 2, slice_of(NULL, 0));
		break;
	default: break;
	}
}
