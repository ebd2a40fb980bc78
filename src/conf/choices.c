#include "conf/choices.h"

#include <stddef.h>
#include "base/log.h"
#include "conf/ssh_conf.h"
#include "conf/sshd_conf.h"

#define END {NULL, 0}
const struct conf_choice choices_family[] = {
	{"inet", CONF_FAMILY_INET}, {"inet6", CONF_FAMILY_INET6}, {"any", CONF_FAMILY_ANY}, END};
const struct conf_choice choices_canonicalize[] = {
	{"true", CONF_CANON_YES}, {"false", CONF_CANON_NO}, {"yes", CONF_CANON_YES}, {"no", CONF_CANON_NO},
	{"always", CONF_CANON_ALWAYS}, END};
const struct conf_choice choices_master[] = {
	{"true", CONF_MASTER_YES}, {"yes", CONF_MASTER_YES}, {"false", CONF_MASTER_NO}, {"no", CONF_MASTER_NO},
	{"auto", CONF_MASTER_AUTO}, {"ask", CONF_MASTER_ASK}, {"autoask", CONF_MASTER_AUTOASK}, END};
const struct conf_choice choices_hash[] = {
	{"SHA256", CONF_HASH_SHA256}, {"MD5", CONF_HASH_MD5}, {"SHA1", CONF_HASH_SHA1}, {"SHA384", CONF_HASH_SHA384}, {"SHA512", CONF_HASH_SHA512}, END};
const char *conf_hash_name(int value)
{
	static const char *const names[] = {
		[CONF_HASH_MD5] = "md5", [CONF_HASH_SHA1] = "sha1", [CONF_HASH_SHA256] = "sha256", [CONF_HASH_SHA384] = "sha384", [CONF_HASH_SHA512] = "sha512"};
	return names[value];
}

const struct conf_choice choices_pubkey[] = {
	{"true", CONF_PUBKEY_YES}, {"false", CONF_PUBKEY_NO}, {"yes", CONF_PUBKEY_YES}, {"no", CONF_PUBKEY_NO},
	{"unbound", CONF_PUBKEY_UNBOUND}, {"host-bound", CONF_PUBKEY_HOST_BOUND}, END};
const struct conf_choice choices_tty[] = {
	{"true", CONF_TTY_YES}, {"false", CONF_TTY_NO}, {"yes", CONF_TTY_YES}, {"no", CONF_TTY_NO},
	{"force", CONF_TTY_FORCE}, {"auto", CONF_TTY_AUTO}, END};
const struct conf_choice choices_session[] = {
	{"none", CONF_SESSION_NONE}, {"subsystem", CONF_SESSION_SUBSYSTEM}, {"default", CONF_SESSION_DEFAULT}, END};
const struct conf_choice choices_strict[] = {
	{"true", CONF_STRICT_YES}, {"false", CONF_STRICT_OFF}, {"yes", CONF_STRICT_YES}, {"no", CONF_STRICT_OFF},
	{"ask", CONF_STRICT_ASK}, {"off", CONF_STRICT_OFF}, {"accept-new", CONF_STRICT_NEW}, END};
const struct conf_choice choices_tunnel[] = {
	{"ethernet", CONF_TUNNEL_ETHERNET}, {"point-to-point", CONF_TUNNEL_POINT_TO_POINT}, {"true", CONF_TUNNEL_POINT_TO_POINT},
	{"yes", CONF_TUNNEL_POINT_TO_POINT}, {"false", CONF_TUNNEL_NO}, {"no", CONF_TUNNEL_NO}, END};
const struct conf_choice choices_permit_tunnel[] = {
	{"ethernet", CONF_TUNNEL_ETHERNET}, {"point-to-point", CONF_TUNNEL_POINT_TO_POINT}, {"yes", CONF_TUNNEL_BOTH},
	{"no", CONF_TUNNEL_NO}, END};
const struct conf_choice choices_yes_no_ask[] = {
	{"true", CONF_YES}, {"false", CONF_NO}, {"yes", CONF_YES}, {"no", CONF_NO}, {"ask", CONF_ASK}, END};
const struct conf_choice choices_weak[] = {
	{"yes", CONF_WEAK_YES}, {"no", CONF_WEAK_NO}, {"true", CONF_WEAK_YES}, {"false", CONF_WEAK_NO},
	{"no-pq-kex", CONF_WEAK_NO_PQ_KEX}, END};
const struct conf_choice choices_log_level[] = {
	{"QUIET", LOG_LEVEL_QUIET}, {"FATAL", LOG_LEVEL_FATAL}, {"ERROR", LOG_LEVEL_ERROR}, {"INFO", LOG_LEVEL_INFO},
	{"VERBOSE", LOG_LEVEL_VERBOSE}, {"DEBUG", LOG_LEVEL_DEBUG1}, {"DEBUG1", LOG_LEVEL_DEBUG1}, {"DEBUG2", LOG_LEVEL_DEBUG2},
	{"DEBUG3", LOG_LEVEL_DEBUG3}, END};
/* Facility numbers of RFC 5424, section 6.2.1; authpriv is the 10 of every syslog here. */
const struct conf_choice choices_facility[] = {
	{"DAEMON", 3}, {"USER", 1}, {"AUTH", 4}, {"AUTHPRIV", 10}, {"LOCAL0", 16}, {"LOCAL1", 17}, {"LOCAL2", 18}, {"LOCAL3", 19},
	{"LOCAL4", 20}, {"LOCAL5", 21}, {"LOCAL6", 22}, {"LOCAL7", 23}, END};
const struct conf_choice choices_root[] = {
	{"prohibit-password", CONF_ROOT_NO_PASSWORD}, {"without-password", CONF_ROOT_NO_PASSWORD},
	{"forced-commands-only", CONF_ROOT_FORCED_ONLY}, {"yes", CONF_ROOT_YES}, {"no", CONF_ROOT_NO}, END};
const struct conf_choice choices_forward[] = {
	{"yes", CONF_FWD_ALL}, {"all", CONF_FWD_ALL}, {"no", CONF_FWD_NO}, {"remote", CONF_FWD_REMOTE}, {"local", CONF_FWD_LOCAL}, END};
const struct conf_choice choices_gateway[] = {
	{"clientspecified", CONF_GATEWAY_CLIENT}, {"yes", CONF_GATEWAY_YES}, {"no", CONF_GATEWAY_NO}, END};
const struct conf_choice choices_compress[] = {
	{"yes", CONF_COMPRESS_DELAYED}, {"delayed", CONF_COMPRESS_DELAYED}, {"no", CONF_COMPRESS_NO}, END};
const struct conf_choice choices_rhosts[] = {
	{"yes", CONF_RHOSTS_YES}, {"no", CONF_RHOSTS_NO}, {"shosts-only", CONF_RHOSTS_SHOSTS_ONLY}, END};
const struct conf_choice choices_sandbox[] = {{"strict", CONF_SANDBOX_STRICT}, {"fallback", CONF_SANDBOX_FALLBACK}, END};
