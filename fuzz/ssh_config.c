/* ssh_config: both passes, dump, and what the dump says when it is read again. */
#include "conf/ssh_load.h"
#include "base/bytes.h"

static void load(struct slice in, struct ssh_conf *out)
{
	struct ssh_load_ctx ctx = {.host = "host.example", .command = "true", .session_type = "exec", .local_user = "ann", .version = "OpenSSH_10.5"};
	struct ssh_load *l = ssh_load_new(&ctx, NULL);
	struct conf_ask ask;
	enum conf_step step;
	unsigned includes = 0;
	ssh_load_text(l, "config", in, true);
	while ((step = ssh_load_next(l, &ask)) != CONF_DONE) {
		if (step == CONF_EXEC)
			ssh_load_exec(l, ask.line % 2);
		else if (step == CONF_INCLUDE && includes++ < 20)
			ssh_load_include(l, "included", in);
	}
	ssh_load_finish(l, out);
	ssh_load_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = slice_of(data, size);
	struct ssh_conf c, again;
	struct buf text = BUF_INIT(1 << 22);
	if (in.n > 1 << 14)
		return 0;
	load(in, &c);
	conf_dump(&ssh_table, &c, CONF_DUMP_EXACT, &text);
	load(buf_slice(&text), &again);
	ssh_conf_clear(&c);
	ssh_conf_clear(&again);
	buf_clear(&text);
	return 0;
}
