#include "server/listener.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "sys/sock.h"

enum { BACKLOG = 128, SOCKETS_MAX = 16 };

static int family_of(int configured)
{
	return configured == CONF_FAMILY_INET ? AF_INET : configured == CONF_FAMILY_INET6 ? AF_INET6 : AF_UNSPEC;
}

static void listen_on(const struct sock_addr *a, const char *device, struct listen_socket **out, size_t *n)
{
	char text[SOCK_TEXT_MAX];
	struct err err;
	sock_text(a, text);
	if (*n >= SOCKETS_MAX) {
		log_error("Too many listen sockets. Enlarge the number of ListenAddress lines: %d are possible.", SOCKETS_MAX);
		return;
	}
	int fd = sock_listen_on(a, device, BACKLOG, &err);
	if (fd < 0) {
		log_error("Bind to port %u on %s failed: %s.", sock_port(a), text, err.text);
		return;
	}
	LIST_PUSH(*out, *n, ((struct listen_socket){fd}));
	log_info("Server listening on %s port %u%s%s.", text, sock_port(a), device ? " rdomain " : "", device ? device : "");
}

size_t listen_all(const struct sshd_conf *conf, struct listen_socket **out)
{
	struct conf_list words = sshd_conf_listeners(conf);
	size_t n = 0;
	*out = NULL;
	for (size_t i = 0; i < words.n; i++) {
		struct slice host, rdomain;
		int port;
		struct err err;
		struct sock_list list = {0};
		if (!conf_split_listen(slice_str(words.v[i]), &host, &port, &rdomain))
			continue;
		char *name = slice_dup(host), *service = mem_fmt("%d", port), *device = rdomain.n ? slice_dup(rdomain) : NULL;
		if (!sock_resolve(name, service, family_of(conf->address_family), SOCK_PASSIVE, &list, &err))
			log_error("bad addr or host: %s", err.text);
		for (size_t k = 0; k < list.n; k++)
			listen_on(&list.at[k], device, out, &n);
		sock_list_clear(&list);
		mem_free(name);
		mem_free(service);
		mem_free(device);
	}
	conf_list_clear(&words);
	return n;
}
