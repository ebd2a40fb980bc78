"""The table of peers."""
from peer_openssh import OpenSSH

PEERS = {p.name: p for p in (OpenSSH(),)}
