/* sshd_config: load, resolve for a user, dump, undump. */
#include "conf/sshd_load.h"
#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	static const char *const groups[] = {"staff", "wheel"};
	static const struct sshd_match match = {.user = "ann", .groups = groups, .groups_n = 2, .host = "host.example", .addr = "192.0.2.1", .laddr = "192.0.2.2", .lport = 22};
	struct sshd_file *f = sshd_file_new(NULL);
	struct conf_ask ask;
	enum conf_step step;
	unsigned includes = 0;
	struct sshd_conf c;
	struct err e;
	struct buf text = BUF_INIT(1 << 23);
	if (in.n <= 1 << 14) {
		sshd_file_text(f, "config", in);
		while ((step = sshd_file_next(f, &ask)) != CONF_DONE)
			if (step == CONF_INCLUDE && includes++ < 20)
				sshd_file_include(f, "included", in);
		if (!sshd_file_failed(f)) {
			if (sshd_conf_resolve(f, &match, &c, &e))
				sshd_conf_clear(&c);
			sshd_file_dump(f, &text);
			sshd_file_free(sshd_file_undump(buf_slice(&text), NULL, &e));
		}
	}
	sshd_file_free(f);
	buf_clear(&text);
	return 0;
}
