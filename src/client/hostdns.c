/* VerifyHostKeyDNS: fingerprints of host keys in DNS (RFC 4255). */
#include "client/hostkey.h"

#include "base/addr.h"
#include "base/log.h"
#include "base/text.h"
#include "key/sshfp.h"
#include "sys/dns.h"

static enum sshfp_verdict ask(struct look *l, bool *authentic)
{
	struct err e = {0};
	struct buf answer = BUF_INIT(SSHFP_MESSAGE_MAX);
	enum sshfp_verdict v = SSHFP_NONE;
	*authentic = false;
	if (dns_query(l->c->host, SSHFP_TYPE, &answer, &e))
		v = sshfp_check(buf_slice(&answer), l->key, authentic, &e);
	if (e.code && e.code != ERR_MISSING)
		log_verbose("VerifyHostKeyDNS: %s", e.text);
	buf_clear(&answer);
	return v;
}

bool hostkey_in_dns(struct look *l)
{
	const struct client *c = l->c;
	struct addr number;
	bool authentic;
	if (c->conf.verify_host_key_dns == CONF_NO)
		return false;
	if (addr_parse(slice_str(c->host), &number)) {
		log_debug("skipped DNS lookup for numerical hostname");
		return false;
	}
	switch (ask(l, &authentic)) {
	case SSHFP_NONE:
		log_debug("no host key fingerprint found in DNS");
		break;
	case SSHFP_MATCH:
		log_debug("found %s fingerprint in DNS: matching host key fingerprint found", authentic ? "secure" : "insecure");
		l->dns_matches = true;
		return authentic && c->conf.verify_host_key_dns == CONF_YES;
	case SSHFP_MISMATCH:
		log_debug("mismatching host key fingerprint found in DNS");
		hostkey_warn_changed(l);
		log_error("Update the SSHFP RR in DNS with the new host key to get rid of this message.");
		break;
	}
	return false;
}
