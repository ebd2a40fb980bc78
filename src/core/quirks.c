/* What peers get wrong, by version. Sources: the list of OpenSSH's peer bugs, and peers tried by hand.
 *
 * QUIRK_STRICT is only a forecast, for what a server offers before the client's KEXINIT has come: whether
 * the exchange is strict is what KEXINIT says. First match wins. A pattern is a comma list of wildcards over the text behind "SSH-2.0-".
 */
#include "core/internal.h"

#include "base/mem.h"
#include "base/text.h"

enum { ZERO = QUIRK_FIRST_CHANNEL_ZERO };

static const struct quirks quirks[] = {
	{"*Hawser_*", QUIRK_EOW | QUIRK_STRICT | ZERO},
	{"OpenSSH_2*,OpenSSH_3*,OpenSSH_4*", ZERO},
	{"OpenSSH_6.5*,OpenSSH_6.6*", QUIRK_CURVE25519_PAD | QUIRK_EOW | ZERO},
	{"OpenSSH_5*,OpenSSH_6*", QUIRK_EOW | ZERO},
	/* Distributions that put strict kex into what they had. */
	{"OpenSSH_9.2p1 Debian-2,OpenSSH_9.2p1 Debian-2+deb12u1,OpenSSH_8.4p1 Debian-5,OpenSSH_8.4p1 Debian-5+deb11u1,"
		"OpenSSH_8.4p1 Debian-5+deb11u2", QUIRK_EOW | ZERO},
	{"OpenSSH_9.2p1 Debian-2+deb12u*,OpenSSH_8.4p1 Debian-5+deb11u*,OpenSSH_8.9p1 Ubuntu-3ubuntu0.6,"
		"OpenSSH_8.9p1 Ubuntu-3ubuntu0.7,OpenSSH_8.9p1 Ubuntu-3ubuntu0.8,OpenSSH_8.9p1 Ubuntu-3ubuntu0.9,"
		"OpenSSH_8.9p1 Ubuntu-3ubuntu0.1?,OpenSSH_8.2p1 Ubuntu-4ubuntu0.11,OpenSSH_8.2p1 Ubuntu-4ubuntu0.12,"
		"OpenSSH_8.2p1 Ubuntu-4ubuntu0.13", QUIRK_EOW | QUIRK_STRICT | ZERO},
	{"OpenSSH_7*,OpenSSH_8*", QUIRK_EOW | ZERO},
	{"OpenSSH_9.0*,OpenSSH_9.1*,OpenSSH_9.2*,OpenSSH_9.3*,OpenSSH_9.4*,OpenSSH_9.5*", QUIRK_EOW | ZERO},
	{"OpenSSH-keyscan", ZERO},                          /* OpenSSH's ssh-keyscan never has strict kex */
	{"OpenSSH*", QUIRK_EOW | QUIRK_STRICT | ZERO},      /* strict kex since 9.6 */
	{"Sun_SSH_1.0*", QUIRK_NO_REKEY},
	{"Cisco-1.*", QUIRK_OLD_GEX_MAX | QUIRK_NO_HOSTKEYS},
	{"TTSSH/1.5.*,TTSSH/2.1*,TTSSH/2.2*,TTSSH/2.3*,TTSSH/2.4*,TTSSH/2.5*,TTSSH/2.6*,TTSSH/2.70*,TTSSH/2.71*,TTSSH/2.72*", QUIRK_NO_HOSTKEYS},
	{"dropbear_2024*,dropbear_2025*,dropbear_2026*", QUIRK_STRICT | ZERO},
	{"dropbear*", ZERO},
	{"Go", ZERO},
	{"PuTTY_Release_0.5*,PuTTY_Release_0.60*,PuTTY_Release_0.61*,PuTTY_Release_0.62*,PuTTY_Release_0.63*,"
		"PuTTY_Release_0.64*,FuTTY*", QUIRK_OLD_GEX},
	{"PuTTY_Release_0.8*", QUIRK_STRICT},
	{"WinSCP_release_4*,WinSCP_release_5.0*,WinSCP_release_5.1*,WinSCP_release_5.5*,WinSCP_release_5.6*,"
		"WinSCP_release_5.7,WinSCP_release_5.7.1,WinSCP_release_5.7.2,WinSCP_release_5.7.3,WinSCP_release_5.7.4",
		QUIRK_OLD_GEX},
	/* Its ssh_handle_key_exchange waits on when it sees the client logged in already. */
	{"libssh_*,libssh-*", QUIRK_NO_PIPELINE},
	{"AsyncSSH_2.10.1,AsyncSSH_2.14.1,AsyncSSH_2.14.2", QUIRK_REKEY_DATA},   /* 2.10.1 with Debian's patch; ronf/asyncssh#662 */
	{"Twisted*,3.0.*", QUIRK_DEBUG_BROKEN},
	{"SSH_Version_Mapper*", QUIRK_SCANNER},
	{"Probe-*", QUIRK_PROBE},
};

unsigned quirks_find(struct slice software)
{
	for (size_t i = 0; i < ARRAY_LEN(quirks); i++)
		if (match_list(software, slice_str(quirks[i].pattern), false) == 1)
			return quirks[i].flags;
	return 0;
}
