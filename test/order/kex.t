# The key exchange, with what is not well-formed.

side server
at kexinit
> 20
< over 2 malformed KEXINIT
side server
at kex
> 30
< over 2 malformed KEX_INIT
side server
at kex
> 30 "short"
< over 3 the client's value for
side client
at kex
> 31 "key" "value" "signature"
< over 3 the server's value for
side client
at newkeys
> 21 yes
< over 2 malformed NEWKEYS
side server
at kex
> 34 #2048 #2048 #2048
< over 2 unexpected message 34
side client
at service
> 7 #2 "name" "value"
< over 2 malformed EXT_INFO
side client
at service
> 7 #1 "name" "value"
< nothing
> 7 #1 "server-sig-algs" "ssh-ed25519"
< nothing
> 7 #0
< over 2 malformed EXT_INFO
side server
at open
> 20
< over 2 malformed KEXINIT
