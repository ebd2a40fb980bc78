#include "sys/files.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"

static char dir[64];

static char *at(const char *name)
{
	static char path[4][160];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void make(const char *name, const char *text, mode_t mode)
{
	assert_true(file_write(at(name), slice_str(text), mode, NULL));
	assert_int_equal(chmod(at(name), mode), 0);
}

static void expect(const char *name, const char *text)
{
	struct buf b = BUF_INIT(4096);
	assert_true(file_read(at(name), &(struct file_policy){.max = 4096}, &b, NULL));
	assert_string_equal(buf_cstr(&b), text);
	buf_clear(&b);
}

static size_t entries(void)
{
	size_t n = 0;
	DIR *d = opendir(dir);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void only_regular_files_of_the_right_kind_open(void **state)
{
	(void)state;
	make("plain", "text", 0644);
	make("secret", "text", 0600);
	make("loose", "text", 0664);
	assert_int_equal(mkfifo(at("fifo"), 0600), 0);
	assert_int_equal(symlink("plain", at("link")), 0);
	uid_t me = geteuid();
	const struct { const char *name; struct file_policy p; enum err_code want; } rows[] = {
		{"plain", {0}, ERR_NONE},
		{"plain", {.flags = FILE_OWNED | FILE_NO_OTHER_WRITERS, .owner = me}, ERR_NONE},
		{"plain", {.flags = FILE_NO_OTHERS}, ERR_DENIED},
		{"plain", {.max = 4}, ERR_NONE},
		{"plain", {.max = 3}, ERR_LIMIT},
		{"secret", {.flags = FILE_NO_OTHERS}, ERR_NONE},
		{"loose", {.flags = FILE_NO_OTHER_WRITERS}, ERR_DENIED},
		{"fifo", {0}, ERR_DENIED},                          /* and does not wait for a writer */
		{"link", {0}, ERR_DENIED},
		{"link", {.flags = FILE_FOLLOW}, ERR_NONE},
		{".", {0}, ERR_DENIED},
		{"missing", {0}, ERR_MISSING},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = {0};
		int fd = file_open(at(rows[i].name), &rows[i].p, &e);
		if ((fd >= 0) != (rows[i].want == ERR_NONE) || e.code != rows[i].want)
			fail_msg("row %zu: %d %s", i, fd, e.text);
		if (fd >= 0)
			close(fd);
		else
			assert_non_null(strstr(e.text, rows[i].name));
	}
	if (me == 0) {
		struct err e;
		assert_int_equal(chown(at("plain"), 65534, 65534), 0);
		assert_int_equal(file_open(at("plain"), &(struct file_policy){.flags = FILE_OWNED, .owner = 1}, &e), -1);
		assert_int_equal(e.code, ERR_DENIED);
	}
	struct err e;
	assert_int_equal(file_open("/dev/zero", &(struct file_policy){0}, &e), -1);
	assert_int_equal(e.code, ERR_DENIED);
	unlink(at("link")), unlink(at("fifo"));
}

static void the_null_device_is_an_empty_file_and_stays(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(10);
	struct err e = {0};
	struct stat st;
	assert_true(file_read("/dev/null", &(struct file_policy){.flags = FILE_NO_OTHERS, .max = 1}, &b, &e));
	assert_int_equal(b.len, 0);
	if (!file_append("/dev/null", SLICE_LIT("x\n"), 0600, &e))
		fail_msg("%s", e.text);
	assert_int_equal(symlink("/dev/null", at("null")), 0);
	assert_false(file_write(at("null"), SLICE_LIT("x"), 0600, &e));
	unlink(at("null"));
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

static void a_pipe_is_read_where_it_is_allowed(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(10);
	int p[2];
	char name[40];
	assert_int_equal(pipe(p), 0);
	snprintf(name, sizeof name, "/dev/fd/%d", p[0]);
	assert_int_equal(write(p[1], "text", 4), 4);
	close(p[1]);
	assert_false(file_read(name, &(struct file_policy){.flags = FILE_FOLLOW}, &b, NULL));
	assert_true(file_read(name, &(struct file_policy){.flags = FILE_FOLLOW | FILE_PIPE}, &b, NULL));
	assert_string_equal(buf_cstr(&b), "text");
	close(p[0]);
	buf_clear(&b);
}

static void reading_ends_at_the_cap(void **state)
{
	(void)state;
	struct buf b = BUF_INIT(3), c = BUF_INIT(100000);
	struct err e;
	make("plain2", "text", 0644);
	assert_false(file_read(at("plain2"), &(struct file_policy){0}, &b, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	/* A file of /proc says size 0 and has more. */
	assert_false(file_read("/proc/self/status", &(struct file_policy){.max = 10}, &c, &e));
	assert_int_equal(e.code, ERR_LIMIT);
	buf_clear(&b), buf_clear(&c);
}

static void writing_replaces_whole_files_and_keeps_their_mode(void **state)
{
	(void)state;
	struct stat st, old;
	struct err e;
	size_t before = entries();
	assert_true(file_write(at("w"), SLICE_LIT("one"), 0640, NULL));
	assert_int_equal(stat(at("w"), &old), 0);
	assert_int_equal(old.st_mode & 07777, 0640);
	assert_int_equal(chmod(at("w"), 0604), 0);
	assert_true(file_write(at("w"), SLICE_LIT("two"), 0640, NULL));
	expect("w", "two");
	assert_int_equal(stat(at("w"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_not_equal(st.st_ino, old.st_ino);
	assert_int_equal(symlink("w", at("l")), 0);
	assert_true(file_write(at("l"), SLICE_LIT("three"), 0600, NULL));
	expect("w", "three");
	assert_int_equal(lstat(at("l"), &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_false(file_write(at("no/such"), SLICE_LIT("x"), 0600, &e));
	assert_int_equal(e.code, ERR_MISSING);
	assert_false(file_create(at("w"), SLICE_LIT("x"), 0600, &e));
	expect("w", "three");
	assert_true(file_create(at("new"), SLICE_LIT("x"), 0600, &e));
	assert_int_equal(stat(at("new"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(entries(), before + 3);        /* w, l, new: no temporary file is left */
}

static void appended_lines_stand_on_their_own(void **state)
{
	(void)state;
	struct err e;
	assert_true(file_append(at("a"), SLICE_LIT("one\n"), 0600, NULL));
	assert_true(file_append(at("a"), SLICE_LIT("two"), 0600, NULL));
	assert_true(file_append(at("a"), SLICE_LIT("three\n"), 0600, NULL));
	expect("a", "one\ntwo\nthree\n");
	assert_false(file_append(dir, SLICE_LIT("x"), 0600, &e));
}

static void strict_modes_name_the_bad_path(void **state)
{
	(void)state;
	struct err e = {0};
	uid_t me = geteuid();
	assert_true(file_make_dir(at("ssh"), 0700, NULL));
	assert_true(file_make_dir(at("ssh"), 0700, NULL));
	make("ssh/keys", "k", 0600);
	bool fine = file_strict(-1, at("ssh/keys"), me, dir, &e);
	if (!fine)
		fail_msg("%s", e.text);
	assert_int_equal(chmod(at("ssh"), 0770), 0);
	assert_false(file_strict(-1, at("ssh/keys"), me, dir, &e));
	assert_int_equal(e.code, ERR_DENIED);
	assert_non_null(strstr(e.text, "directory"));
	assert_int_equal(chmod(at("ssh"), 0700), 0);
	assert_int_equal(chmod(at("ssh/keys"), 0622), 0);
	int fd = file_open(at("ssh/keys"), &(struct file_policy){0}, NULL);
	assert_false(file_strict(fd, at("ssh/keys"), me, dir, &e));
	assert_non_null(strstr(e.text, "file "));
	close(fd);
	assert_int_equal(chmod(at("ssh/keys"), 0600), 0);
	/* The home itself counts; what is above it does not. */
	assert_int_equal(chmod(dir, 0770), 0);
	assert_false(file_strict(-1, at("ssh/keys"), me, dir, &e));
	assert_int_equal(chmod(dir, 0700), 0);
	if (me == 0) {
		assert_int_equal(chown(at("ssh/keys"), 65534, 65534), 0);
		assert_false(file_strict(-1, at("ssh/keys"), 1, dir, &e));
		assert_non_null(strstr(e.text, "ownership"));
		assert_true(file_strict(-1, at("ssh/keys"), 65534, dir, &e));
	}
	assert_false(file_strict(-1, at("ssh/none"), me, dir, &e));
	assert_int_equal(e.code, ERR_MISSING);
}

static void a_mapped_file_is_what_stands_there(void **state)
{
	(void)state;
	struct file_policy policy = {.flags = FILE_FOLLOW, .max = 100};
	struct slice s;
	struct err e;
	make("map", "contents", 0600);
	assert_true(file_map(at("map"), &policy, &s, &e));
	assert_true(slice_eq_str(s, "contents"));
	file_unmap(s);
	make("map", "", 0600);
	assert_true(file_map(at("map"), &policy, &s, &e));
	assert_int_equal(s.n, 0);
	file_unmap(s);
	assert_true(file_map("/dev/null", &policy, &s, &e));
	assert_int_equal(s.n, 0);
	assert_false(file_map(at("missing"), &policy, &s, &e));
	assert_int_equal(e.code, ERR_MISSING);
	assert_false(file_map("/dev/zero", &policy, &s, &e));
	policy.max = 3;
	make("map", "four", 0600);
	assert_false(file_map(at("map"), &policy, &s, &e));
	assert_int_equal(e.code, ERR_LIMIT);
}

static void patterns_find_names_in_order(void **state)
{
	(void)state;
	struct file_list l;
	make("2.conf", "", 0600);
	make("1.conf", "", 0600);
	assert_true(file_glob(at("*.conf"), &l, NULL));
	assert_int_equal(l.n, 2);
	assert_non_null(strstr(l.at[0], "/1.conf"));
	file_list_clear(&l);
	assert_true(file_glob(at("*.none"), &l, NULL));
	assert_int_equal(l.n, 0);
	file_list_clear(&l);
}

static void paths_are_joined_and_expanded(void **state)
{
	(void)state;
	struct err e;
	static const struct { const char *in, *out; } rows[] = {
		{"~/.ssh/id", "/home/ann/.ssh/id"}, {"~", "/home/ann"}, {"/etc/x", "/etc/x"}, {"x~y", "x~y"}, {"~root/.ssh", "/root/.ssh"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *p = file_expand(rows[i].in, "/home/ann", &e);
		assert_string_equal(p, rows[i].out);
		mem_free(p);
	}
	assert_null(file_expand("~no-such-user/x", "/home/ann", &e));
	assert_int_equal(e.code, ERR_MISSING);
	char *p = file_join("/a/", "b");
	assert_string_equal(p, "/a/b");
	mem_free(p);
	p = file_join("/a", "/b");
	assert_string_equal(p, "/b");
	mem_free(p);
	static const struct { const char *in, *out; } dirs[] = {{"/a/b", "/a"}, {"/a", "/"}, {"a", "."}, {"a/b/c", "a/b"}};
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		p = file_dir(dirs[i].in);
		assert_string_equal(p, dirs[i].out);
		mem_free(p);
	}
	assert_true(file_home()[0] == '/');
	assert_true(file_exists("/"));
	assert_false(file_exists(at("never")));
}

static int set_up(void **state)
{
	(void)state;
	umask(022);
	snprintf(dir, sizeof dir, "%s/hawser-files-XXXXXX", P_tmpdir);
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const names[] = {"plain", "secret", "loose", "plain2", "w", "l", "new", "a", "ssh/keys", "1.conf", "2.conf"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		unlink(at(names[i]));
	rmdir(at("ssh"));
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_regular_files_of_the_right_kind_open),
		cmocka_unit_test(the_null_device_is_an_empty_file_and_stays),
		cmocka_unit_test(a_pipe_is_read_where_it_is_allowed),
		cmocka_unit_test(reading_ends_at_the_cap),
		cmocka_unit_test(writing_replaces_whole_files_and_keeps_their_mode),
		cmocka_unit_test(appended_lines_stand_on_their_own),
		cmocka_unit_test(strict_modes_name_the_bad_path),
		cmocka_unit_test(a_mapped_file_is_what_stands_there),
		cmocka_unit_test(patterns_find_names_in_order),
		cmocka_unit_test(paths_are_joined_and_expanded),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
