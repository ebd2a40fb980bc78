/* Messages between a client and its agent (draft-ietf-sshm-ssh-agent; PROTOCOL.agent of OpenSSH).
 *
 * On the wire each stands behind a uint32 length of at most AGENT_MESSAGE_MAX. Structs borrow
 * (wire/msg.h). Old protocol-1 requests and smartcard messages have rows so that they are known.
 */
#ifndef AGENT_AGENT_MSG_H
#define AGENT_AGENT_MSG_H

#include "wire/msg.h"

enum { AGENT_MESSAGE_MAX = 256 << 10 };

enum agent_number {
	AGENT_OLD_REQUEST = 1, AGENT_OLD_ANSWER = 2, AGENT_OLD_REMOVE_ALL = 9,
	AGENT_FAILURE = 5, AGENT_SUCCESS = 6,
	AGENT_REQUEST_IDENTITIES = 11, AGENT_IDENTITIES_ANSWER = 12,
	AGENT_SIGN_REQUEST = 13, AGENT_SIGN_RESPONSE = 14,
	AGENT_ADD_IDENTITY = 17, AGENT_REMOVE_IDENTITY = 18, AGENT_REMOVE_ALL = 19,
	AGENT_ADD_CARD = 20, AGENT_REMOVE_CARD = 21, AGENT_LOCK = 22, AGENT_UNLOCK = 23,
	AGENT_ADD_ID_CONSTRAINED = 25, AGENT_ADD_CARD_CONSTRAINED = 26,
	AGENT_EXTENSION = 27, AGENT_EXTENSION_FAILURE = 28, AGENT_EXTENSION_RESPONSE = 29,
};
enum { AGENT_LIFETIME = 1, AGENT_CONFIRM_USE = 2, AGENT_CONSTRAIN_EXTENSION = 255 };
enum { AGENT_FLAG_OLD = 1, AGENT_FLAG_SHA2_256 = 2, AGENT_FLAG_SHA2_512 = 4 };

#define AGENT_EXT_BIND "session-bind@openssh.com"
#define AGENT_EXT_QUERY "query"
#define AGENT_CONSTRAINT_CERTS "associated-certs-v00@openssh.com"
#define AGENT_CONSTRAINT_SK "sk-provider@openssh.com"
#define AGENT_CONSTRAINT_DEST "restrict-destination-v00@openssh.com"

struct agent_empty { uint8_t none; };
struct agent_identities { uint32_t count; struct slice keys; };            /* keys: string blob, string comment, and so on */
struct agent_sign { struct slice blob, data; uint32_t flags; };
struct agent_string { struct slice value; };               /* signature, key to remove, passphrase */
struct agent_rest { struct slice rest; };                  /* a private key, a comment, constraints */
struct agent_card { struct slice provider, pin, constraints; };
struct agent_extension { struct slice name, contents; };
/* Contents of session-bind@openssh.com */
struct agent_bind { struct slice host_key, session_id, signature; bool forwarding; };

extern const struct msg_desc agent_bind_desc;              /* a body without number */
const struct msg_desc *agent_msg_row(uint8_t number);      /* NULL: none of the draft's */

#endif
