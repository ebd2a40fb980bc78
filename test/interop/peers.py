"""The table of peers."""
from peer_dropbear import Dropbear
from peer_openssh import OpenSSH
from peer_putty import PuTTY

PEERS = {p.name: p for p in (OpenSSH(), Dropbear(), PuTTY())}
