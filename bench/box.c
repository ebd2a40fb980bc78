/* What the boxes and key exchanges of crypto/ cost on this machine, without a connection around
 * them: GB/s at 32 KiB and nanoseconds for a keystroke's packet, one core; operations a second for
 * the rest. Each figure is the best of several short runs. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/mem.h"
#include "crypto/box.h"
#include "crypto/kem.h"
#include "crypto/pk.h"

enum { LARGE = 32768, SMALL = 32, RUNS = 5 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct box *box_of(const struct box_alg *alg, const struct mac_alg *mac, bool seal)
{
	static const uint8_t key[64] = {1}, iv[16] = {2}, mac_key[64] = {3};
	return box_new(alg, mac, key, iv, mac_key, seal);
}

/* Seconds to seal (or to seal and open) packets of n bytes. */
static double box_seconds(const struct box_alg *alg, const struct mac_alg *mac, size_t n, bool open, int count)
{
	static uint8_t p[LARGE + 200];
	double best = 1e9;
	for (int run = 0; run < RUNS; run++) {
		struct box *out = box_of(alg, mac, true), *in = box_of(alg, mac, false);
		size_t whole = n + (box_length_clear(out) ? 4 : 0);
		double start = now();
		for (int i = 0; i < count; i++) {
			store_u32(p, (uint32_t)whole - 4);
			box_seal(out, (uint32_t)i, p, whole);
			if (open && (box_length(in, (uint32_t)i, p) != whole - 4 || !box_open(in, (uint32_t)i, p, whole)))
				printf("does not open\n");
		}
		double took = now() - start;
		best = took < best ? took : best;
		box_free(out);
		box_free(in);
	}
	return best / count;
}

static void box_line(const struct box_alg *alg, const struct mac_alg *mac)
{
	double seal = box_seconds(alg, mac, LARGE, false, 400), both = box_seconds(alg, mac, LARGE, true, 400);
	double small = box_seconds(alg, mac, SMALL, false, 20000);
	printf("%-30s %-30s %6.2f %6.2f %8.0f\n", alg->name, mac ? mac->name : "", LARGE / seal / 1e9, LARGE / (both - seal) / 1e9, small * 1e9);
}

static void boxes(void)
{
	size_t nb, nm;
	const struct box_alg *b = box_list(&nb);
	const struct mac_alg *m = mac_list(&nm);
	printf("%-61s GB/s: seal   open  ns for %d bytes\n", "", SMALL);
	for (size_t i = 0; i < nb; i++)
		if (b[i].tag_len > 0)
			box_line(&b[i], NULL);
	for (size_t i = 0; i < nm; i++)
		box_line(box_find(SLICE_LIT("aes128-ctr")), &m[i]);
	for (size_t i = 0; i < nb; i++)
		if (b[i].tag_len == 0)
			box_line(&b[i], mac_find(SLICE_LIT("umac-64-etm@openssh.com")));
}

static void kem_line(const struct kem_alg *alg)
{
	struct kem_group group = kem_fallback_group(3072, 3072, 8192);
	const struct kem_group *g = alg->group_exchange ? &group : NULL;
	double client = 1e9, server = 1e9;
	for (int run = 0; run < 20; run++) {
		struct buf init = BUF_INIT(5000), reply = BUF_INIT(5000), a = BUF_INIT_SECRET(5000), b = BUF_INIT_SECRET(5000);
		double t0 = now();
		struct kem *k = kem_client_start(alg, g, &init);
		double t1 = now();
		bool ok = kem_server_reply(alg, g, buf_slice(&init), &reply, &a);
		double t2 = now();
		ok = ok && kem_client_finish(k, buf_slice(&reply), &b) && slice_eq(buf_slice(&a), buf_slice(&b));
		double t3 = now();
		if (!ok)
			printf("%s failed\n", alg->name);
		client = t1 - t0 + t3 - t2 < client ? t1 - t0 + t3 - t2 : client;
		server = t2 - t1 < server ? t2 - t1 : server;
		kem_free(k);
		buf_clear(&init), buf_clear(&reply), buf_clear(&a), buf_clear(&b);
	}
	printf("%-40s %9.0f %9.0f\n", alg->name, client * 1e6, server * 1e6);
}

static void pk_line(const char *name, enum pk_kind kind, unsigned bits, const struct hash_alg *hash)
{
	struct pk *k = pk_generate(kind, bits, NULL);
	double sign = 1e9, verify = 1e9;
	for (int run = 0; run < 50; run++) {
		struct buf sig = BUF_INIT(5000);
		double t0 = now();
		bool ok = pk_sign(k, hash, SLICE_LIT("a text"), &sig, NULL);
		double t1 = now();
		ok = ok && pk_verify(k, hash, SLICE_LIT("a text"), buf_slice(&sig)) == VERDICT_VERIFIED;
		double t2 = now();
		if (!ok)
			printf("%s failed\n", name);
		sign = t1 - t0 < sign ? t1 - t0 : sign;
		verify = t2 - t1 < verify ? t2 - t1 : verify;
		buf_clear(&sig);
	}
	printf("%-40s %9.0f %9.0f\n", name, sign * 1e6, verify * 1e6);
	pk_free(k);
}

int main(void)
{
	size_t count;
	const struct kem_alg *kems = kem_list(&count);
	crypto_start();
	boxes();
	printf("\n%-40s us: client    server\n", "");
	for (size_t i = 0; i < count; i++)
		kem_line(&kems[i]);
	printf("\n%-40s us: sign      verify\n", "");
	pk_line("ed25519", PK_ED25519, 0, NULL);
	pk_line("ecdsa-sha2-nistp256", PK_P256, 0, &hash_sha256);
	pk_line("ecdsa-sha2-nistp384", PK_P384, 0, &hash_sha384);
	pk_line("ecdsa-sha2-nistp521", PK_P521, 0, &hash_sha512);
	pk_line("rsa-sha2-512, 3072 bits", PK_RSA, 3072, &hash_sha512);
	return 0;
}
