#include "key/authdata.h"

#include "wire/ssh_msg.h"

void auth_publickey_request(struct buf *b, struct slice user, struct slice algorithm, struct slice blob,
	struct slice host_key, bool has_signature)
{
	put_u8(b, MSG_USERAUTH_REQUEST);
	put_string(b, user);
	put_cstring(b, "ssh-connection");
	put_cstring(b, host_key.n ? "publickey-hostbound-v00@openssh.com" : "publickey");
	put_bool(b, has_signature);
	put_string(b, algorithm);
	put_string(b, blob);
	if (host_key.n)
		put_string(b, host_key);
}

void auth_signed_data(struct buf *b, struct slice session_id, struct slice user, struct slice algorithm,
	struct slice blob, struct slice host_key)
{
	put_string(b, session_id);
	auth_publickey_request(b, user, algorithm, blob, host_key, true);
}

void auth_hostbased_data(struct buf *b, struct slice session_id, const struct auth_host *h)
{
	put_string(b, session_id);
	put_u8(b, MSG_USERAUTH_REQUEST);
	put_string(b, h->user);
	put_cstring(b, "ssh-connection");
	put_cstring(b, "hostbased");
	put_string(b, h->algorithm);
	put_string(b, h->blob);
	put_string(b, h->host);
	put_string(b, h->client_user);
}
