/* Encoded terminal modes: RFC 4254, 8; opcode 42 is RFC 8160's. */
#include "sys/tty.h"

#include <unistd.h>

#include "base/mem.h"

/* Names of termios that this system may lack; each is NOWHERE then, and its opcode is passed over. */
#ifndef VDSUSP
#define VDSUSP TTY_NOWHERE
#endif
#ifndef VREPRINT
#define VREPRINT TTY_NOWHERE
#endif
#ifndef VFLUSH
#define VFLUSH TTY_NOWHERE
#endif
#ifdef VSWTC
#define VSWTCH VSWTC
#endif
#ifndef VSWTCH
#define VSWTCH TTY_NOWHERE
#endif
#ifndef VSTATUS
#define VSTATUS TTY_NOWHERE
#endif
#ifndef VDISCARD
#define VDISCARD TTY_NOWHERE
#endif
#ifndef IUCLC
#define IUCLC TTY_NOWHERE
#endif
#ifndef IUTF8
#define IUTF8 TTY_NOWHERE
#endif
#ifndef XCASE
#define XCASE TTY_NOWHERE
#endif
#ifndef PENDIN
#define PENDIN TTY_NOWHERE
#endif
#ifndef OLCUC
#define OLCUC TTY_NOWHERE
#endif

const struct tty_mode tty_modes[] = {
	{1, TTY_CHAR, "VINTR", VINTR}, {2, TTY_CHAR, "VQUIT", VQUIT}, {3, TTY_CHAR, "VERASE", VERASE},
	{4, TTY_CHAR, "VKILL", VKILL}, {5, TTY_CHAR, "VEOF", VEOF}, {6, TTY_CHAR, "VEOL", VEOL},
	{7, TTY_CHAR, "VEOL2", VEOL2}, {8, TTY_CHAR, "VSTART", VSTART}, {9, TTY_CHAR, "VSTOP", VSTOP},
	{10, TTY_CHAR, "VSUSP", VSUSP}, {11, TTY_CHAR, "VDSUSP", VDSUSP}, {12, TTY_CHAR, "VREPRINT", VREPRINT},
	{13, TTY_CHAR, "VWERASE", VWERASE}, {14, TTY_CHAR, "VLNEXT", VLNEXT}, {15, TTY_CHAR, "VFLUSH", VFLUSH},
	{16, TTY_CHAR, "VSWTCH", VSWTCH}, {17, TTY_CHAR, "VSTATUS", VSTATUS}, {18, TTY_CHAR, "VDISCARD", VDISCARD},
	{30, TTY_INPUT, "IGNPAR", IGNPAR}, {31, TTY_INPUT, "PARMRK", PARMRK}, {32, TTY_INPUT, "INPCK", INPCK},
	{33, TTY_INPUT, "ISTRIP", ISTRIP}, {34, TTY_INPUT, "INLCR", INLCR}, {35, TTY_INPUT, "IGNCR", IGNCR},
	{36, TTY_INPUT, "ICRNL", ICRNL}, {37, TTY_INPUT, "IUCLC", IUCLC}, {38, TTY_INPUT, "IXON", IXON},
	{39, TTY_INPUT, "IXANY", IXANY}, {40, TTY_INPUT, "IXOFF", IXOFF}, {41, TTY_INPUT, "IMAXBEL", IMAXBEL},
	{42, TTY_INPUT, "IUTF8", IUTF8},
	{50, TTY_LOCAL, "ISIG", ISIG}, {51, TTY_LOCAL, "ICANON", ICANON}, {52, TTY_LOCAL, "XCASE", XCASE},
	{53, TTY_LOCAL, "ECHO", ECHO}, {54, TTY_LOCAL, "ECHOE", ECHOE}, {55, TTY_LOCAL, "ECHOK", ECHOK},
	{56, TTY_LOCAL, "ECHONL", ECHONL}, {57, TTY_LOCAL, "NOFLSH", NOFLSH}, {58, TTY_LOCAL, "TOSTOP", TOSTOP},
	{59, TTY_LOCAL, "IEXTEN", IEXTEN}, {60, TTY_LOCAL, "ECHOCTL", ECHOCTL}, {61, TTY_LOCAL, "ECHOKE", ECHOKE},
	{62, TTY_LOCAL, "PENDIN", PENDIN},
	{70, TTY_OUTPUT, "OPOST", OPOST}, {71, TTY_OUTPUT, "OLCUC", OLCUC}, {72, TTY_OUTPUT, "ONLCR", ONLCR},
	{73, TTY_OUTPUT, "OCRNL", OCRNL}, {74, TTY_OUTPUT, "ONOCR", ONOCR}, {75, TTY_OUTPUT, "ONLRET", ONLRET},
	{90, TTY_CONTROL, "CS7", CS7}, {91, TTY_CONTROL, "CS8", CS8}, {92, TTY_CONTROL, "PARENB", PARENB},
	{93, TTY_CONTROL, "PARODD", PARODD},
	{128, TTY_ISPEED, "ispeed", 0}, {129, TTY_OSPEED, "ospeed", 0},
};
const size_t tty_modes_count = ARRAY_LEN(tty_modes);

enum { CHAR_OFF = 255 };                /* RFC 4254, 8: this character is disabled */

static const struct { speed_t code; uint32_t baud; } speeds[] = {
	{B0, 0}, {B50, 50}, {B75, 75}, {B110, 110}, {B134, 134}, {B150, 150}, {B200, 200}, {B300, 300}, {B600, 600},
	{B1200, 1200}, {B1800, 1800}, {B2400, 2400}, {B4800, 4800}, {B9600, 9600}, {B19200, 19200}, {B38400, 38400},
	{B57600, 57600}, {B115200, 115200}, {B230400, 230400}, {B460800, 460800}, {B921600, 921600},
};

static uint32_t baud_of(speed_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(speeds); i++)
		if (speeds[i].code == code)
			return speeds[i].baud;
	return 9600;
}

static speed_t code_of(uint32_t baud)
{
	for (size_t i = 0; i < ARRAY_LEN(speeds); i++)
		if (speeds[i].baud == baud)
			return speeds[i].code;
	return B9600;                           /* a pty has no real speed: any will do */
}

static tcflag_t *field_of(enum tty_field f, struct termios *t)
{
	switch (f) {
	case TTY_INPUT: return &t->c_iflag;
	case TTY_LOCAL: return &t->c_lflag;
	case TTY_OUTPUT: return &t->c_oflag;
	case TTY_CONTROL: return &t->c_cflag;
	default: return NULL;
	}
}

/* CS7 and CS8 are values of a field, not bits: CS8 contains CS7's. */
static bool is_size(const struct tty_mode *m)
{
	return m->field == TTY_CONTROL && (m->value == CS7 || m->value == CS8);
}

static uint32_t value_of(const struct tty_mode *m, const struct termios *t)
{
	struct termios copy = *t;
	switch (m->field) {
	case TTY_ISPEED: return baud_of(cfgetispeed(t));
	case TTY_OSPEED: return baud_of(cfgetospeed(t));
	case TTY_CHAR: return t->c_cc[m->value] == _POSIX_VDISABLE ? CHAR_OFF : t->c_cc[m->value];
	default: break;
	}
	tcflag_t flags = *field_of(m->field, &copy);
	return is_size(m) ? (flags & CSIZE) == m->value : (flags & m->value) != 0;
}

void tty_modes_encode(const struct termios *t, struct buf *out)
{
	/* Speeds first, so that a receiver that gives up at an unknown opcode has them. */
	static const enum tty_field order[] = {TTY_OSPEED, TTY_ISPEED};
	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (size_t i = 0; i < tty_modes_count; i++)
			if (tty_modes[i].field == order[k])
				put_u8(out, tty_modes[i].opcode), put_u32(out, value_of(&tty_modes[i], t));
	for (size_t i = 0; i < tty_modes_count; i++) {
		const struct tty_mode *m = &tty_modes[i];
		if (m->field == TTY_ISPEED || m->field == TTY_OSPEED || m->value == TTY_NOWHERE)
			continue;
		put_u8(out, m->opcode);
		put_u32(out, value_of(m, t));
	}
	put_u8(out, 0);
}

static void apply(const struct tty_mode *m, uint32_t value, struct termios *t)
{
	switch (m->field) {
	case TTY_ISPEED:
		cfsetispeed(t, code_of(value));
		return;
	case TTY_OSPEED:
		cfsetospeed(t, code_of(value));
		return;
	case TTY_CHAR:
		if (m->value < NCCS)
			t->c_cc[m->value] = value == CHAR_OFF ? _POSIX_VDISABLE : (cc_t)(value & 0xff);
		return;
	default:
		break;
	}
	tcflag_t *flags = field_of(m->field, t);
	if (m->value == TTY_NOWHERE)
		return;
	if (is_size(m) && value)
		*flags = (*flags & ~(tcflag_t)CSIZE) | m->value;
	else if (!is_size(m))
		*flags = value ? *flags | m->value : *flags & ~(tcflag_t)m->value;
}

bool tty_modes_decode(struct slice s, struct termios *t)
{
	struct reader r = reader_of(s);
	while (reader_left(&r)) {
		uint8_t opcode = get_u8(&r);
		if (opcode == 0 || opcode >= 160)
			return true;                    /* 160 to 255 are not defined and end the parsing */
		uint32_t value = get_u32(&r);
		if (r.bad)
			return false;
		for (size_t i = 0; i < tty_modes_count; i++)
			if (tty_modes[i].opcode == opcode)
				apply(&tty_modes[i], value, t);
	}
	return true;                                    /* without the final 0: some clients send an empty string */
}
