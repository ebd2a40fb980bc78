#include "crypto/kem.h"

#include "base/mem.h"
#include "crypto/kem_impl.h"

static const struct kem_alg methods[] = {
	{"mlkem768x25519-sha256", &hash_sha256, true, false, &kem_hybrid, MLKEM_X25519},
	{"sntrup761x25519-sha512", &hash_sha512, true, false, &kem_hybrid, SNTRUP_X25519},
	{"sntrup761x25519-sha512@openssh.com", &hash_sha512, true, false, &kem_hybrid, SNTRUP_X25519},
	{"curve25519-sha256", &hash_sha256, false, false, &kem_ecdh, CURVE_X25519},
	{"curve25519-sha256@libssh.org", &hash_sha256, false, false, &kem_ecdh, CURVE_X25519},
	{"ecdh-sha2-nistp256", &hash_sha256, false, false, &kem_ecdh, CURVE_P256},
	{"ecdh-sha2-nistp384", &hash_sha384, false, false, &kem_ecdh, CURVE_P384},
	{"ecdh-sha2-nistp521", &hash_sha512, false, false, &kem_ecdh, CURVE_P521},
	{"diffie-hellman-group-exchange-sha256", &hash_sha256, false, true, &kem_dh, DH_EXCHANGE},
	{"diffie-hellman-group16-sha512", &hash_sha512, false, false, &kem_dh, DH_16},
	{"diffie-hellman-group18-sha512", &hash_sha512, false, false, &kem_dh, DH_18},
	{"diffie-hellman-group14-sha256", &hash_sha256, false, false, &kem_dh, DH_14},
	{"mlkem768nistp256-sha256", &hash_sha256, true, false, &kem_hybrid, MLKEM_P256},
	{"diffie-hellman-group14-sha1", &hash_sha1, false, false, &kem_dh, DH_14},
	{"diffie-hellman-group1-sha1", &hash_sha1, false, false, &kem_dh, DH_1},
	{"diffie-hellman-group-exchange-sha1", &hash_sha1, false, true, &kem_dh, DH_EXCHANGE},
};

const struct kem_alg *kem_list(size_t *count)
{
	*count = ARRAY_LEN(methods);
	return methods;
}

const struct kem_alg *kem_find(struct slice name)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (slice_eq_str(name, methods[i].name))
			return &methods[i];
	return NULL;
}

struct kem *kem_client_start(const struct kem_alg *alg, const struct kem_group *group, struct buf *init)
{
	struct kem *k = mem_new(alg->ops->size);
	k->alg = alg;
	if (alg->ops->start(k, group, init))
		return k;
	kem_free(k);
	return NULL;
}

bool kem_client_finish(struct kem *k, struct slice reply, struct buf *shared)
{
	return k->alg->ops->finish(k, reply, shared);
}

bool kem_server_reply(const struct kem_alg *alg, const struct kem_group *group, struct slice init, struct buf *reply,
                      struct buf *shared)
{
	return alg->ops->reply(alg, group, init, reply, shared);
}

void kem_free(struct kem *k)
{
	if (k == NULL)
		return;
	size_t size = k->alg->ops->size;
	k->alg->ops->clear(k);
	mem_free_secret(k, size);
}
