"""What sshd says to users that do not exist, may not log in, or gave a wrong password: the same, message by message. bench/oracle.py shows the times."""
import importlib.util
import pathlib

import pytest
from conftest import ROOT

spec = importlib.util.spec_from_file_location('oracle', pathlib.Path(__file__).resolve().parents[2] / 'bench' / 'oracle.py')
oracle = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oracle)
METHODS = {**oracle.METHODS, 'kbdint again': [oracle.NONE, oracle.KBDINT, oracle.reply('wrong'), oracle.KBDINT, oracle.reply('')],
           'too often': [oracle.NONE] + [oracle.request('password', b'\0' + oracle.string('wrong'))] * 6}


@pytest.fixture(scope='module')
def users():
    made = oracle.Users()
    yield made
    made.remove()


@pytest.mark.skipif(not ROOT, reason='makes users')
@pytest.mark.parametrize('method', METHODS)
def test_nobody_learns_who_exists(sshd, users, method):
    server = sshd(f'PasswordAuthentication yes\nKbdInteractiveAuthentication yes\nDenyUsers {users.names["denied"]}')
    said = {kind: [answer for answer, _ in oracle.talk(server.port, users.names[kind], METHODS[method])] for kind in users.KINDS}
    right = said.pop('exists')
    if 'right' in method:
        assert right[-1][0] == oracle.SUCCESS
    else:
        said['exists'] = right
    missing = said['missing']
    assert missing[-1][0] in (oracle.FAILURE, oracle.INFO_REQUEST, oracle.DISCONNECT)
    assert all(answers == missing for answers in said.values()), {k: v for k, v in said.items() if v != missing}
