"""A small name server for tests: answers every question by a file. Usage: dns_server.py FILE (JSON), on 127.0.0.1:53 over UDP.

FILE holds {"ad": bool, "rcode": int, "records": {"TYPE name": ["hex of rdata", ...]}, "raw": "hex appended",
"cut": bytes to cut off, "aliases": {name: [hex of the target's name, its address]}}.
"""
import json, socket, struct, sys


def name_at(data, at):
    labels = []
    while data[at]:
        labels.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return '.'.join(labels).lower(), at + 1


def answer(question, spec):
    name, end = name_at(question, 12)
    kind, = struct.unpack('>H', question[end:end + 2])
    found = spec.get('records', {}).get(f'{kind} {name}', [])
    known = any(k.split()[1] == name for k in spec.get('records', {}))
    rcode = spec.get('rcode', 0) or (0 if known else 3)
    flags = 0x8180 | (0x20 if spec.get('ad') else 0) | rcode
    out = question[:2] + struct.pack('>5H', flags, 1, spec.get('count', len(found)), 0, 0) + question[12:end + 4]
    for data in map(bytes.fromhex, found):
        out += b'\xc0\x0c' + struct.pack('>HHIH', kind, 1, 60, len(data)) + data
    if name in spec.get('aliases', {}) and kind == 1:        # CNAME, then the address of what it means
        to, address = spec['aliases'][name]
        target = bytes.fromhex(to)
        out = out[:6] + struct.pack('>H', 2) + out[8:]
        out += b'\xc0\x0c' + struct.pack('>HHIH', 5, 1, 60, len(target)) + target
        out += target + struct.pack('>HHIH', 1, 1, 60, 4) + socket.inet_aton(address)
    out += bytes.fromhex(spec.get('raw', ''))
    return out[:len(out) - spec.get('cut', 0)]


def main():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(('127.0.0.1', 53))
    print('ready', flush=True)
    while True:
        question, peer = s.recvfrom(4096)
        with open(sys.argv[1]) as f:
            s.sendto(answer(question, json.load(f)), peer)


if __name__ == '__main__':
    main()
