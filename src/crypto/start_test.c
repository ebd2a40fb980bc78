#include "crypto/hash.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "crypto/box.h"
#include "crypto/kem.h"
#include "crypto/pk.h"

static bool kems_work(void)
{
	size_t count;
	const struct kem_alg *algs = kem_list(&count);
	bool ok = true;
	for (size_t i = 0; i < count; i++) {
		struct kem_group g = kem_fallback_group(2048, 2048, 2048);
		const struct kem_group *group = algs[i].group_exchange ? &g : NULL;
		struct buf init = BUF_INIT(5000), reply = BUF_INIT(5000), a = BUF_INIT_SECRET(5000), b = BUF_INIT_SECRET(5000);
		struct kem *k = kem_client_start(&algs[i], group, &init);
		ok = ok && k && kem_server_reply(&algs[i], group, buf_slice(&init), &reply, &a) && kem_client_finish(k, buf_slice(&reply), &b);
		kem_free(k);
		buf_clear(&init), buf_clear(&reply), buf_clear(&a), buf_clear(&b);
	}
	return ok;
}

static bool boxes_work(void)
{
	size_t nb, nm;
	const struct box_alg *b = box_list(&nb);
	const struct mac_alg *m = mac_list(&nm);
	static const uint8_t key[64], iv[16];
	for (size_t i = 0; i < nb; i++)
		for (size_t k = 0; k < nm; k++) {
			uint8_t p[120] = {0, 0, 0, 28, 4};
			const struct mac_alg *mac = b[i].tag_len ? NULL : &m[k];
			struct box *out = box_new(&b[i], mac, key, iv, key, true), *in = box_new(&b[i], mac, key, iv, key, false);
			size_t n = box_length_clear(out) ? 36 : 32;
			box_seal(out, 1, p, n);
			box_length(in, 1, p);
			if (!box_open(in, 1, p, n))
				return false;
			box_free(out), box_free(in);
		}
	return true;
}

static bool keys_work(void)
{
	static const struct { enum pk_kind kind; const struct hash_alg *hash; } kinds[] = {
		{PK_ED25519, NULL}, {PK_P256, &hash_sha256}, {PK_P384, &hash_sha384}, {PK_P521, &hash_sha512}, {PK_RSA, &hash_sha512},
	};
	bool ok = true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct pk *k = pk_generate(kinds[i].kind, 1024, NULL);
		struct buf sig = BUF_INIT(500);
		ok = ok && pk_sign(k, kinds[i].hash, SLICE_LIT("x"), &sig, NULL) &&
		     pk_verify(k, kinds[i].hash, SLICE_LIT("x"), buf_slice(&sig)) == VERDICT_VERIFIED;
		pk_free(k);
		buf_clear(&sig);
	}
	return ok;
}

/* As in the jail: forked from a process that called crypto_start(), and nothing can be opened any more. */
static void after_the_start_no_file_is_needed(void **state)
{
	(void)state;
	crypto_start();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};
		bool ok = setrlimit(RLIMIT_NOFILE, &none) == 0 && open("/", 0) < 0 && kems_work() && boxes_work() && keys_work();
		_exit(ok ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Both go on from the same state of the generator. */
static void a_child_draws_other_numbers(void **state)
{
	(void)state;
	uint8_t mine[32], childs[32];
	int p[2];
	random_bytes(mine, sizeof mine);
	assert_int_equal(pipe(p), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		random_bytes(childs, sizeof childs);
		_exit(write(p[1], childs, sizeof childs) == sizeof childs ? 0 : 1);
	}
	random_bytes(mine, sizeof mine);
	assert_int_equal(read(p[0], childs, sizeof childs), sizeof childs);
	assert_memory_not_equal(mine, childs, sizeof mine);
	assert_int_equal(waitpid(child, NULL, 0), child);
	close(p[0]), close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_the_start_no_file_is_needed),
		cmocka_unit_test(a_child_draws_other_numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
