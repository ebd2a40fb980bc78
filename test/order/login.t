# What may come when, as a reader of RFC 4253 to 4254 would say it.

side server
at kexinit
> 50 "ann" "ssh-connection" "none"
< over 2 unexpected message USERAUTH_REQUEST

# Strict kex: nothing stands between.
side server
at kex
> 2 "filler"
< over 2 unexpected message IGNORE
side client
at newkeys
> 4 yes "text" ""
< over 2 unexpected message DEBUG
side client
at kex
> 7 #0
< over 2 unexpected message EXT_INFO
side server
at kex
> 21
< over 2 unexpected message NEWKEYS
side server
at kex
> 150
< over 2 unexpected message 150

# Without it, RFC 4253 lets them pass.
side server loose
at kex
> 2 "filler"
< nothing
> 4 yes "text" ""
< nothing
> 3 #0
< nothing
> 5 "ssh-userauth"
< over 2 unexpected message SERVICE_REQUEST

# KEXINIT must be the first packet of a strict peer, which shows only when it comes.
side client
at kexinit
> 2 "filler"
< nothing

# Logging in
side server
at service
> 50 "ann" "ssh-connection" "none"
< over 2 unexpected message USERAUTH_REQUEST
side server
at service
> 5 "ssh-connection"
< over 7 no service
side server
at service
> 5 "ssh-userauth"
< send SERVICE_ACCEPT
# paramiko says it again before each method.
> 5 "ssh-userauth"
< send SERVICE_ACCEPT
side server
at service
> 2 "filler"
< nothing
> 201 "no such message"
< over 2 RESUME
side server
at service
> 77
< over 2 unexpected message 77
side server
at service
> 199 "no such message"
< send UNIMPLEMENTED
> 5 "ssh-userauth"
< send SERVICE_ACCEPT
> 50 "ann" "ssh-connection" "none"
< send USERAUTH_FAILURE
> 50 "ann" "ssh-connection" "password" no "wrong"
< send USERAUTH_FAILURE
> 50 "ann" "ssh-connection" "password" no "secret"
< send USERAUTH_SUCCESS
> 50 "ann" "ssh-connection" "password" no "secret"
< nothing
> 90 "session" #0 #100000 #32768
< send CHANNEL_OPEN_CONFIRMATION

# What only a server says (CVE-2018-10933), and what only a client says.
side server
at auth
> 52
< over 2 unexpected message USERAUTH_SUCCESS
side server
at auth
> 51 "password" no
< over 2 unexpected message USERAUTH_FAILURE
side client
at auth
> 50 "ann" "ssh-connection" "none"
< over 2 unexpected message USERAUTH_REQUEST
side client
at service
> 52
< over 2 unexpected message USERAUTH_SUCCESS

# Nothing of a channel before login (CVE-2025-32433).
side server
at auth
> 90 "session" #0 #100000 #32768
< over 2 unexpected message CHANNEL_OPEN
side server
at service
> 80 "keepalive@openssh.com" yes
< over 2 unexpected message GLOBAL_REQUEST
side server
at auth
> 20
< over 2 unexpected message KEXINIT
side server
at auth
> 192 "ping"
< over 2 unexpected message PING

# 61 answers 60, and only then.
side server
at auth
> 61 #0
< over 2 unexpected message 61

# After login
side server
at open
> 192 "ping"
< send PONG
> 7 #0
< over 2 unexpected message EXT_INFO
side client
at open
> 52
< over 2 unexpected message USERAUTH_SUCCESS
side client
at open
> 21
< over 2 unexpected message NEWKEYS
side server
at open
> 30 "value"
< over 2 unexpected message KEX_INIT
side server
at open
> 1 #11 "bye" ""
< over 11 bye
side server
at open
> 1 #11 "no language tag"
< over 11 no language
