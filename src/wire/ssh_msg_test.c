#include "wire/ssh_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"

/* Gives every field of any message a value, so that one test serves the whole table. */
static void fill(const struct msg_desc *d, uint8_t *at)
{
	for (const struct field *f = d->fields; f->type != FIELD_END; f++) {
		void *p = at + f->offset;
		switch (f->type) {
		case FIELD_U8: *(uint8_t *)p = 7; break;
		case FIELD_BOOL: *(bool *)p = true; break;
		case FIELD_U32: *(uint32_t *)p = 0x01020304; break;
		case FIELD_U64: *(uint64_t *)p = 0x0102030405060708; break;
		case FIELD_COOKIE: *(struct slice *)p = SLICE_LIT("0123456789abcdef"); break;
		case FIELD_NAMES: *(struct slice *)p = SLICE_LIT("one,two"); break;
		case FIELD_END: break;
		default: *(struct slice *)p = SLICE_LIT("hunter2"); break;
		}
	}
}

static void every_message_comes_back_and_no_prefix_does(void **state)
{
	(void)state;
	const struct msg_desc *d;
	size_t count = 0;
	for (; (d = ssh_msg_row(count)) != NULL; count++) {
		uint8_t in[256] = {0}, out[256];
		struct buf a = BUF_INIT(4096), b = BUF_INIT(4096);
		bool open_end = false;
		assert_true(d->size <= sizeof in);
		fill(d, in);
		msg_encode(d, in, &a);
		assert_true(msg_decode(d, buf_slice(&a), out));
		msg_encode(d, out, &b);
		assert_true(slice_eq(buf_slice(&a), buf_slice(&b)));
		for (const struct field *f = d->fields; f->type != FIELD_END; f++)
			open_end = f->type == FIELD_REST || f->type == FIELD_SECRET_REST;
		for (size_t n = 0; n < a.len && !open_end; n++)
			assert_false(msg_decode(d, slice_of(a.p, n), out));
		put_u8(&a, 0);
		assert_true(msg_decode(d, buf_slice(&a), out) == open_end);
		buf_clear(&a);
		buf_clear(&b);
	}
	assert_int_equal(count, 42);
}

static void secrets_are_never_printed(void **state)
{
	(void)state;
	struct buf t = BUF_INIT(10000);
	struct msg_auth_request r = {SLICE_LIT("ann"), SLICE_LIT("ssh-connection"), SLICE_LIT("password"), SLICE_LIT("hunter2")};
	msg_print(&desc_auth_request, &r, &t);
	assert_non_null(strstr(buf_cstr(&t), "user=\"ann\""));
	assert_null(strstr(buf_cstr(&t), "hunter2"));
	buf_clear(&t);
}

static void context_decides_what_60_means(void **state)
{
	(void)state;
	assert_ptr_equal(ssh_msg_find(60, CONTEXT_KBDINT), &desc_auth_info_request);
	assert_ptr_equal(ssh_msg_find(60, CONTEXT_PUBLICKEY), &desc_auth_pk_ok);
	assert_null(ssh_msg_find(60, CONTEXT_TRANSPORT));
	assert_ptr_equal(ssh_msg_find(31, CONTEXT_GEX), &desc_gex_group);
	assert_ptr_equal(ssh_msg_find(94, CONTEXT_KBDINT), &desc_channel_data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_comes_back_and_no_prefix_does),
		cmocka_unit_test(secrets_are_never_printed),
		cmocka_unit_test(context_decides_what_60_means),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
