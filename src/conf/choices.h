/* Words of the keywords that take one of a few. The first name of a value is the one that the dump shows, as OpenSSH's does. */
#ifndef CONF_CHOICES_H
#define CONF_CHOICES_H

#include "conf/conf.h"

extern const struct conf_choice choices_family[], choices_canonicalize[], choices_master[], choices_hash[], choices_pubkey[],
	choices_tty[], choices_session[], choices_strict[], choices_tunnel[], choices_permit_tunnel[], choices_yes_no_ask[],
	choices_weak[], choices_log_level[], choices_facility[], choices_root[], choices_forward[], choices_gateway[],
	choices_compress[], choices_rhosts[], choices_sandbox[];

#endif
