/* Asks: what the core needs from somebody who holds a secret, a right or a human.
 *
 * The core yields one ask at a time and parses no further packet until it is answered. Each kind
 * has a struct for the question and one for the answer, both with a field table, so that the same
 * value is answered in the client by the agent, the disk or the terminal, travels in the server as
 * a frame over a socketpair to the monitor, and comes from a script in tests.
 *
 * Slices of a question live until the ask is answered; slices of an answer are copied by
 * ssh_answer.
 */
#ifndef WIRE_ASK_H
#define WIRE_ASK_H

#include "wire/msg.h"

enum ask_kind {
	ASK_NONE,
	/* server */
	ASK_HOSTSIGN, ASK_GROUP, ASK_AUTH_NONE, ASK_PASSWORD, ASK_KEY_OK, ASK_VERIFY, ASK_KBDINT, ASK_KBDINT_REPLY, ASK_HOSTBASED,
	/* client */
	ASK_HOSTKEY, ASK_CREDENTIAL, ASK_SIGN, ASK_PROMPTS, ASK_NEW_PASSWORD,
	ASK_KINDS,
};

/* Server. The transcript is what the exchange hash covers, byte for byte: V_C V_S I_C I_S K_S, the
 * method's own values, K. Who answers hashes it with the hash of `kex` and signs only that. */
struct ask_hostsign { struct slice kex, algorithm, transcript; };
struct answer_sign { bool ok; struct slice signature; };    /* string algorithm, string body */
struct ask_group { uint32_t min, preferred, max; };
struct answer_group { bool ok; struct slice p, g; };        /* magnitudes; not ok: the core falls back to a fixed group */
struct ask_auth_none { struct slice user, method; };      /* also for methods that do not exist: those fail whatever the policy says of "none" */
struct ask_password { struct slice user, password; bool change; struct slice new_password; };
struct ask_key { struct slice user, algorithm, blob; };     /* KEY_OK: the probe without signature */
struct ask_verify {                                         /* the answerer rebuilds the signed data with its own session id */
	struct slice user, algorithm, blob, signature;
	bool hostbound;                                     /* publickey-hostbound-v00@openssh.com: host key is in the data */
};
struct ask_hostbased {                                      /* RFC 4252, section 9; answered as VERIFY */
	struct slice user, algorithm, blob, host, client_user, signature;
};
struct ask_kbdint { struct slice user, devices; };
struct ask_kbdint_reply { uint32_t count; struct slice responses; };   /* count strings */

enum auth_verdict { AUTH_FAILURE, AUTH_PARTIAL, AUTH_SUCCESS, AUTH_KEY_OK, AUTH_PROMPTS, AUTH_CHANGE_PASSWORD, AUTH_HANGUP };
struct answer_auth {                                        /* to every server ask about authentication */
	uint8_t verdict;
	struct slice methods;                               /* FAILURE, PARTIAL: that can continue */
	struct slice name, instruction;                     /* PROMPTS; instruction also: prompt of CHANGE_PASSWORD, text of HANGUP */
	uint32_t count;
	struct slice prompts;                               /* PROMPTS: count times string text, bool echo */
	struct slice banner;                                /* sent before the reply where not empty */
};

/* Client. */
struct ask_hostkey { struct slice algorithm, blob; bool rekey; };      /* its signature over the exchange is verified already */
struct answer_yes { bool ok; struct slice text; };          /* text: reason where not ok */
struct ask_credential { struct slice methods; bool first, partial; };   /* first: before the server named any methods */
enum credential_kind {
	CREDENTIAL_GIVE_UP, CREDENTIAL_NONE, CREDENTIAL_PROBE, CREDENTIAL_SIGN, CREDENTIAL_PASSWORD, CREDENTIAL_KBDINT,
	CREDENTIAL_HOSTBASED,                               /* ASK_SIGN follows at once */
	CREDENTIAL_WAIT,                                    /* to the first ask only: asked again when the server has accepted the service */
};
struct answer_credential {
	uint8_t kind;
	struct slice algorithm, blob;                       /* PROBE (ASK_SIGN follows if the server says yes), SIGN (ASK_SIGN follows at once), HOSTBASED */
	struct slice client_host, client_user;              /* HOSTBASED: this host with a dot behind it, and who we are here */
	struct slice password;                              /* PASSWORD */
	struct slice devices;                               /* KBDINT */
	struct slice text;                                  /* GIVE_UP: said in EV_OVER */
};
struct ask_sign { struct slice algorithm, blob, data; };
struct ask_prompts { struct slice name, instruction; uint32_t count; struct slice prompts; };
struct answer_prompts { bool ok; uint32_t count; struct slice responses; };
struct ask_new_password { struct slice prompt; };
struct answer_new_password { bool ok; struct slice old_password, new_password; };

struct ask {
	enum ask_kind kind;
	union {
		struct ask_hostsign hostsign;
		struct ask_group group;
		struct ask_auth_none none;
		struct ask_password password;
		struct ask_key key;
		struct ask_verify verify;
		struct ask_kbdint kbdint;
		struct ask_kbdint_reply kbdint_reply;
		struct ask_hostbased hostbased;
		struct ask_hostkey hostkey;
		struct ask_credential credential;
		struct ask_sign sign;
		struct ask_prompts prompts;
		struct ask_new_password new_password;
	};
};
struct answer {
	enum ask_kind kind;                                 /* must be that of the open ask */
	union {
		struct answer_sign sign;                    /* HOSTSIGN, SIGN */
		struct answer_group group;
		struct answer_auth auth;                    /* AUTH_NONE ... HOSTBASED */
		struct answer_yes yes;                      /* HOSTKEY */
		struct answer_credential credential;
		struct answer_prompts prompts;
		struct answer_new_password new_password;
	};
};

struct ask_row { enum ask_kind kind; const struct msg_desc *ask, *answer; };
const struct ask_row *ask_row(enum ask_kind);               /* NULL for ASK_NONE and out of range */

#endif
