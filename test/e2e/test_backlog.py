"""Readers who do not keep up: no byte is lost or changed, and nobody else waits for them."""
import os
import subprocess
import threading
import time

import paramiko
import pytest

SIZE = 24 << 20


def stopped_moving(counter):
    """The writer is held up: its count has not changed for 20 looks."""
    last, same = -1, 0
    while same < 20:
        time.sleep(0.02)  # poll-interval
        same = same + 1 if counter[0] == last else 0
        last = counter[0]


@pytest.mark.parametrize('client', ['ours', 'theirs'])
def test_a_reader_who_rests_and_reads_in_bits(bindir, sshd, client):
    # A busy machine looks like a long path, for which windows begin larger.
    server, block = sshd('ChannelWindowMax 2M'), os.urandom(1 << 20)
    data = block * (SIZE >> 20)
    command = [*server.arguments(), 'cat']
    if client == 'ours':
        command[:1] = [str(bindir / 'ssh'), '-o', 'ChannelWindowMax=2M']
    written = [0]

    def feed(pipe):
        for at in range(0, SIZE, 1 << 16):
            pipe.write(data[at:at + (1 << 16)])
            written[0] += 1 << 16
        pipe.close()

    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as ssh:
        feeder = threading.Thread(target=feed, args=(ssh.stdin,))
        feeder.start()
        stopped_moving(written)
        assert 0 < written[0] < SIZE
        got = bytearray()
        while len(got) < SIZE // 2:  # a bit now and then
            got += os.read(ssh.stdout.fileno(), 3000)
        stopped_moving(written)
        while piece := os.read(ssh.stdout.fileno(), 1 << 20):
            got += piece
        feeder.join()
    assert ssh.returncode == 0
    assert bytes(got) == data


def test_a_command_that_does_not_read_holds_up_no_other(sshd):
    server = sshd()
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect('127.0.0.1', server.port, username=server.arguments()[-1].split('@')[0], key_filename=str(server.key), allow_agent=False, look_for_keys=False)
    try:
        stuck = client.get_transport().open_session(window_size=1 << 21)
        stuck.exec_command('tail -f /dev/null')
        stuck.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 64 << 20:
                sent += stuck.send(b'x' * 32768)
        assert sent > 1 << 20
        for i in range(3):
            _, out, _ = client.exec_command(f'echo {i}', timeout=10)
            assert out.read() == f'{i}\n'.encode()
    finally:
        client.close()
