/* Builds without a sanitizer need nothing more than sandbox_filter.c. */
#include "sys/sandbox_filter.h"

static const struct filter_rule none[1];
const struct filter_table sandbox_extra_rules = {none, 0};
const bool sandbox_sanitized = false;

void sandbox_entered(void)
{
}
