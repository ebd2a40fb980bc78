#include "sys/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "sys/fd.h"

/* Turned off and on again, so that the first report tells what holds now: only changes are reported. */
static bool report_flow(const struct pty *p)
{
	int on = 1;
	struct termios was, off;
	if (ioctl(p->master, TIOCPKT, &on) < 0 || tcgetattr(p->slave, &was) < 0)
		return false;
	off = was;
	off.c_iflag &= ~(tcflag_t)IXON;
	return tcsetattr(p->slave, TCSANOW, &off) == 0 && tcsetattr(p->slave, TCSANOW, &was) == 0;
}

bool pty_open(struct pty *p, struct err *e)
{
	*p = (struct pty){.master = -1, .slave = -1};
	p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->master < 0)
		return err_errno(e, "cannot open a pseudo terminal (is /dev/pts mounted?)");
	if (grantpt(p->master) == 0 && unlockpt(p->master) == 0 && ptsname_r(p->master, p->name, sizeof p->name) == 0) {
		p->slave = open(p->name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (p->slave >= 0 && report_flow(p))
			return true;
	}
	err_errno(e, "cannot open the terminal side of a pseudo terminal");
	pty_close(p);
	return false;
}

bool pty_give(const struct pty *p, uid_t uid, gid_t gid, struct err *e)
{
	if (geteuid() != 0)
		return true;
	const struct group *tty = getgrnam("tty");
	mode_t mode = tty ? 0620 : 0600;
	if (fchown(p->slave, uid, tty ? tty->gr_gid : gid) < 0)
		return err_errno(e, "cannot give %s to uid %u", p->name, (unsigned)uid);
	if (fchmod(p->slave, mode) < 0)
		return err_errno(e, "cannot set the mode of %s", p->name);
	return true;
}

void pty_take_back(const char *name)
{
	if (geteuid() != 0 || name[0] == 0)
		return;
	/* The slot may be gone already: then there is nothing to take back. */
	int fd = open(name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	struct stat st;
	if (fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && fchownat(fd, "", 0, 0, AT_EMPTY_PATH) == 0) {
		int bad = chmod(name, 0666);
		(void)bad;
	}
	close(fd);
}

void pty_close(struct pty *p)
{
	fd_close(&p->master);
	fd_close(&p->slave);
}

static unsigned short cut(uint32_t v)
{
	return v > 65535 ? 65535 : (unsigned short)v;
}

bool pty_set_size(int fd, const struct pty_size *s)
{
	struct winsize w = {.ws_row = cut(s->rows), .ws_col = cut(s->columns), .ws_xpixel = cut(s->width), .ws_ypixel = cut(s->height)};
	return ioctl(fd, TIOCSWINSZ, &w) == 0;
}

bool pty_get_size(int fd, struct pty_size *out)
{
	struct winsize w;
	if (ioctl(fd, TIOCGWINSZ, &w) < 0)
		return false;
	*out = (struct pty_size){.columns = w.ws_col, .rows = w.ws_row, .width = w.ws_xpixel, .height = w.ws_ypixel};
	return true;
}

bool pty_make_controlling(int slave)
{
	return ioctl(slave, TIOCSCTTY, 0) == 0;
}
