#include "sys/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "sys/fd.h"
#include "sys/netif.h"

static struct sock_addr address(const char *host, const char *port)
{
	struct sock_list l;
	assert_true(sock_resolve(host, port, AF_UNSPEC, SOCK_NUMERIC, &l, NULL));
	struct sock_addr a = l.at[0];
	sock_list_clear(&l);
	return a;
}

static bool wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	return poll(&p, 1, 10000) == 1;
}

static int connected(const struct sock_addr *to, const struct sock_from *from)
{
	bool pending;
	struct err e = {0};
	int fd = sock_connect(to, from, &pending, &e);
	if (fd < 0)
		fail_msg("%s", e.text);
	if (pending) {
		assert_true(wait_for(fd, POLLOUT));
		assert_true(sock_connect_finish(fd, &e));
	}
	return fd;
}

static void meet(const char *host)
{
	struct sock_addr a = address(host, "0"), bound, peer, local;
	char text[SOCK_TEXT_MAX];
	struct err e;
	int l = sock_listen(&a, 5, &e);
	if (l < 0 && strchr(host, ':')) {
		print_message("no IPv6 here: %s\n", e.text);
		return;
	}
	assert_true(l >= 0);
	assert_true(sock_local(l, &bound));
	assert_int_not_equal(sock_port(&bound), 0);
	struct sock_from from = {.address = a};
	int c = connected(&bound, &from);
	assert_true(wait_for(l, POLLIN));
	int s = sock_accept(l, &peer);
	assert_true(s >= 0);
	assert_true(fcntl(s, F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(s, F_GETFD), FD_CLOEXEC);
	assert_true(sock_local(c, &local));
	assert_true(sock_same(&peer, &local, true));
	sock_text(&peer, text);
	assert_string_equal(text, host);
	assert_true(sock_is_loopback(&peer));
	int on = 0;
	socklen_t n = sizeof on;
	assert_int_equal(getsockopt(c, IPPROTO_TCP, TCP_NODELAY, &on, &n), 0);
	assert_true(on);
	struct sock_path path;
	assert_true(sock_path(c, &path));
	assert_true(path.segment > 0);
	assert_true(sock_tos(s, 0x10) && sock_keepalive(s, true) && sock_notsent_lowat(s, 1 << 16) && sock_linger_reset(s));
	char control[16] = "";
	n = sizeof control;
	assert_true(sock_pace_local(s));
	assert_int_equal(getsockopt(s, IPPROTO_TCP, TCP_CONGESTION, control, &n), 0);
	assert_string_equal(control, "reno");
	assert_false(sock_pace_local(l));
	fd_close(&c), fd_close(&s), fd_close(&l);
}

static void both_families_meet(void **state)
{
	(void)state;
	meet("127.0.0.1");
	meet("::1");
}

static void a_closed_port_says_so(void **state)
{
	(void)state;
	struct sock_addr a = address("127.0.0.1", "0"), bound;
	struct err e = {0};
	bool pending;
	int l = sock_listen(&a, 5, NULL);
	assert_true(sock_local(l, &bound));
	fd_close(&l);
	int c = sock_connect(&bound, NULL, &pending, &e);
	bool ok = c >= 0 && (!pending || (wait_for(c, POLLOUT) && sock_connect_finish(c, &e)));
	assert_false(ok);
	assert_non_null(strstr(e.text, "refused"));
	fd_close(&c);
}

static void addresses_are_written_as_people_do(void **state)
{
	(void)state;
	static const struct { const char *in, *out; } rows[] = {
		{"192.0.2.7", "192.0.2.7"}, {"::ffff:192.0.2.7", "192.0.2.7"}, {"2001:DB8::0001", "2001:db8::1"}, {"fe80::1%lo", "fe80::1%lo"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[SOCK_TEXT_MAX];
		struct sock_addr a = address(rows[i].in, "22");
		sock_text(&a, text);
		assert_string_equal(text, rows[i].out);
		assert_int_equal(sock_port(&a), 22);
	}
	struct sock_addr none = {0}, mapped = address("::ffff:192.0.2.7", "1"), plain = address("192.0.2.7", "2");
	char text[SOCK_TEXT_MAX];
	sock_text(&none, text);
	assert_string_equal(text, "UNKNOWN");
	assert_true(sock_same(&mapped, &plain, false));
	assert_false(sock_same(&mapped, &plain, true));
	assert_int_equal(sock_raw(&mapped).n, 16);
	sock_unmap(&mapped);
	assert_int_equal(sock_raw(&mapped).n, 4);
}

static void what_is_no_address_is_an_error(void **state)
{
	(void)state;
	struct sock_list l;
	struct err e;
	assert_false(sock_resolve("not-an-address", "22", AF_UNSPEC, SOCK_NUMERIC, &l, &e));
	assert_int_equal(e.code, ERR_MISSING);
	assert_false(sock_resolve("127.0.0.1", "22", AF_INET6, SOCK_NUMERIC, &l, &e));
	assert_true(sock_resolve("*", "22", AF_UNSPEC, SOCK_PASSIVE, &l, &e));
	assert_true(l.n >= 1);
	sock_list_clear(&l);
}

static void a_unix_socket_gets_its_mode_and_replaces_only_sockets(void **state)
{
	(void)state;
	char dir[64], path[96];
	struct stat st;
	struct err e;
	snprintf(dir, sizeof dir, "%s/hawser-sock-XXXXXX", P_tmpdir);
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/s", dir);
	int l = sock_listen_unix(path, 0177, false, &e);
	assert_true(l >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	int c = sock_connect_unix(path, &e);
	assert_true(c >= 0);
	int s = sock_accept(l, NULL);
	assert_true(s >= 0);
	assert_false(sock_nodelay(s));
	fd_close(&c), fd_close(&s), fd_close(&l);
	assert_int_equal(sock_listen_unix(path, 0177, false, &e), -1);
	l = sock_listen_unix(path, 0177, true, &e);
	assert_true(l >= 0);
	fd_close(&l);
	unlink(path);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
	assert_int_equal(sock_listen_unix(path, 0177, true, &e), -1);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	rmdir(dir);
	char far[200];
	memset(far, 'x', sizeof far);
	far[199] = 0;
	assert_int_equal(sock_connect_unix(far, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
}

static void interfaces_have_addresses(void **state)
{
	(void)state;
	struct sock_list l;
	struct sock_addr a;
	struct err e;
	assert_false(netif_addresses("no-such-if", AF_UNSPEC, &l, &e));
	assert_int_equal(e.code, ERR_MISSING);
	if (!netif_source("lo", AF_INET, &a, &e)) {
		print_message("no interface lo: skipped\n");
		skip();
	}
	assert_true(sock_is_loopback(&a));
	assert_true(netif_addresses(NULL, AF_UNSPEC, &l, &e));
	bool found = false;
	for (size_t i = 0; i < l.n; i++)
		found = found || sock_same(&l.at[i], &a, false);
	assert_true(found);
	sock_list_clear(&l);
	struct sock_from from = {.address = a, .interface = "lo"};
	a.len = sizeof a.v4;
	struct sock_addr any = address("127.0.0.1", "0"), bound;
	int s = sock_listen(&any, 1, NULL);
	assert_true(sock_local(s, &bound));
	int c = connected(&bound, &from);
	fd_close(&c), fd_close(&s);
}

static void a_name_must_lead_back_to_its_address(void **state)
{
	(void)state;
	char name[SOCK_NAME_MAX];
	struct sock_addr a = address("127.0.0.1", "0");
	if (sock_name(&a, name))                /* what it is called depends on the host; never its number */
		assert_string_not_equal(name, "127.0.0.1");
	else
		assert_string_equal(name, "127.0.0.1");
	struct sock_addr none = {0};
	assert_false(sock_name(&none, name));
	assert_string_equal(name, "UNKNOWN");
}

static void only_a_broken_listener_is_fatal(void **state)
{
	(void)state;
	assert_true(sock_accept_again(EMFILE));
	assert_true(sock_accept_again(ECONNABORTED));
	assert_true(sock_accept_starved(ENFILE));
	assert_false(sock_accept_starved(ECONNABORTED));
	assert_false(sock_accept_again(EBADF));
	assert_false(sock_accept_again(EINVAL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_meet),
		cmocka_unit_test(a_closed_port_says_so),
		cmocka_unit_test(addresses_are_written_as_people_do),
		cmocka_unit_test(what_is_no_address_is_an_error),
		cmocka_unit_test(a_unix_socket_gets_its_mode_and_replaces_only_sockets),
		cmocka_unit_test(interfaces_have_addresses),
		cmocka_unit_test(a_name_must_lead_back_to_its_address),
		cmocka_unit_test(only_a_broken_listener_is_fatal),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
