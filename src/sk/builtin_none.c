#include "sk/provider.h"

const struct sk_provider sk_builtin = {NULL, NULL, NULL};
