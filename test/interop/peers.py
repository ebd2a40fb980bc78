"""The table of peers. One whose Python module is missing keeps its row, and its tests are skipped."""
import importlib

from lab import Peer


def load(name):
    try:
        return getattr(importlib.import_module(f'peer_{name.lower()}'), name)()
    except ModuleNotFoundError as e:
        absent = Peer()
        absent.name = name.lower()
        absent.available = lambda why=f'{e.name} is not installed': why
        absent.client = absent.serve = True                 # both roles are tested, so both are skipped
        return absent


PEERS = {p.name: p for p in map(load, ('OpenSSH', 'Dropbear', 'PuTTY', 'Paramiko', 'AsyncSSH', 'Go', 'LibSSH2', 'LibSSH', 'Conch'))}
