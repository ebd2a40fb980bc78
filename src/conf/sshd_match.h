/* Match criteria of sshd_config(5). */
#ifndef CONF_SSHD_MATCH_H
#define CONF_SSHD_MATCH_H

#include "conf/sshd_load.h"

/* Is the line well-formed? Then it can be evaluated at any time. */
bool sshd_match_check(const struct conf_words *, struct err *) MUST_CHECK;
bool sshd_match_eval(const struct conf_words *, const struct sshd_match *);

#endif
