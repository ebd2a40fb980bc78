#include "client/certfile.h"

#include "base/mem.h"
#include "key/keyfile.h"
#include "sys/files.h"

struct cert *certfile_read(const char *path, struct err *err)
{
	struct buf text = BUF_INIT(KEYFILE_MAX);
	struct file_policy policy = {FILE_FOLLOW, 0, KEYFILE_MAX};
	struct cert *cert = NULL;
	if (file_read(path, &policy, &text, err)) {
		cert = cert_from_text(buf_slice(&text), err);
		if (cert == NULL && err->code == ERR_MISSING)
			err_set(err, ERR_FORMAT, "%s holds no certificate", path);
		else if (cert == NULL)
			err_prefix(err, "%s", path);
	}
	buf_clear(&text);
	return cert;
}

struct cert *certfile_beside(const char *path, const struct key *key, struct err *err)
{
	char *beside = mem_fmt("%s-cert.pub", path);
	struct cert *cert = certfile_read(beside, err);
	if (cert && key && !key_equal(cert->key, key)) {
		err_set(err, ERR_FORMAT, "%s is not for the key %s", beside, path);
		cert_free(cert);
		cert = NULL;
	}
	mem_free(beside);
	return cert;
}
