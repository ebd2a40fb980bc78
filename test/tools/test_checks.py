"""Each check of tools/ passes on a small good tree and fails on one bad line."""
import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
GOOD = {
    'doc/LAYERS': 'base:\nwire: base\nserver: base wire\nconf: base\nclient: base conf\nprog: *\n',
    'src/base/a.h': '#ifndef BASE_A_H\n#define BASE_A_H\nint a(void);\n#endif\n',
    'src/wire/b.c': '#include "base/a.h"\nint b(void);\nint b(void)\n{\n\treturn a();\n}\n',
    'src/conf/ssh_keys.c': '{"Alpha", &CT_INT, O(alpha), BUILT},\n{"Beta", &CT_INT, O(beta), LATER},\n',
    'src/conf/sshd_keys.c': '',
    'src/client/c.c': 'int f(struct x *c);\nint f(struct x *c)\n{\n\treturn c->alpha;\n}\n',
    'src/prog/x.c': '#include "base/a.h"\nint main(void)\n{\n\treturn 0;\n}\n',
}
BAD = [
    ('check-layers', 'src/base/c.c', '#include "wire/b.h"\n'),
    ('check-layers', 'src/wire/c.c', '#include <openssl/evp.h>\n'),
    ('check-size', 'src/wire/c.c', 'int x;\n' * 801),
    ('check-size', 'src/base/d.h', 'int x;\n' * 251),
    ('check-size', 'src/prog/y.c', 'int x;\n' * 120),
    ('check-size', 'src/wire/e.c', 'int f(void)\n{\n' + '\tg();\n' * 101 + '}\n'),
    ('check-words', 'src/wire/c.c', 'void f(char *p)\n{\n\tstrcpy(p, "x");\n}\n'),
    ('check-words', 'src/wire/c.c', '#ifdef __linux__\n#endif\n'),
    ('check-words', 'src/wire/c.c', 'typedef struct x y;\n'),
    ('check-headers', 'src/base/d.h', 'int f(struct nothing, uint8_t);\n'),
    ('check-keywords', 'src/conf/sshd_keys.c', '{"Alpha", &CT_INT, O(alpha),\n\tBUILT},\n'),
    ('check-unowned', 'src/wire/c.c', '/* TO' + 'DO later */\n'),
    ('check-unowned', 'src/wire/c_test.c', 'void f(void) { sleep' + '(1); }\n'),
]


def tree(tmp_path, extra=()):
    for name, text in [*GOOD.items(), *extra]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def run(check, *arguments, cwd=None):
    return subprocess.run([TOP / 'tools' / check, *arguments], capture_output=True, text=True, cwd=cwd)


@pytest.mark.parametrize('check', sorted({c for c, _, _ in BAD}))
def test_a_good_tree_passes(check, tmp_path):
    done = run(check, tree(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize('check,name,text', BAD)
def test_a_bad_line_fails(check, name, text, tmp_path):
    done = run(check, tree(tmp_path, [(name, text)]))
    assert done.returncode == 1, done.stdout + done.stderr


def test_a_path_of_this_machine_fails(tmp_path):
    tree(tmp_path, [('src/wire/c.c', f'/* {tmp_path.resolve()}/x */\n')])
    subprocess.run(['git', 'init', '-q'], cwd=tmp_path, check=True)
    subprocess.run(['git', 'add', '-A'], cwd=tmp_path, check=True)
    assert run('check-places', tmp_path).returncode == 1
    (tmp_path / 'src/wire/c.c').unlink()
    subprocess.run(['git', 'add', '-A'], cwd=tmp_path, check=True)
    assert run('check-places', tmp_path).returncode == 0


def test_a_system_call_in_a_pure_folder_fails(tmp_path):
    tree(tmp_path)
    (tmp_path / 'tools').mkdir()
    (tmp_path / 'tools/pure-symbols').write_text('libc: memcpy\ncompiler: _GLOBAL_OFFSET_TABLE_\nwire:\n')
    lib = tmp_path / 'build/src'
    lib.mkdir(parents=True)
    for name, text in [('base', 'int a(void) { return 1; }'), ('wire', 'int a(void); int b(void) { return a(); }')]:
        subprocess.run([os.environ.get('CC', 'cc'), '-c', '-x', 'c', '-', '-o', lib / f'{name}.o'], input=text, text=True, check=True)
        subprocess.run(['ar', 'rc', lib / f'libhawser-{name}.a', lib / f'{name}.o'], check=True)
    assert run('check-pure', tmp_path / 'build', tmp_path).returncode == 0
    text = 'int open(const char *, int, ...); int b(void) { return open("x", 0); }'
    subprocess.run([os.environ.get('CC', 'cc'), '-c', '-x', 'c', '-', '-o', lib / 'wire.o'], input=text, text=True, check=True)
    (lib / 'libhawser-wire.a').unlink()
    subprocess.run(['ar', 'rc', lib / 'libhawser-wire.a', lib / 'wire.o'], check=True)
    assert run('check-pure', tmp_path / 'build', tmp_path).returncode == 1
    shutil.rmtree(tmp_path / 'build')


MAN = ('.Dd November 22, 2026\n.Dt {name} 5\n.Os\n.Sh NAME\n.Nm {name}\n.Nd a test\n.Sh DESCRIPTION\nThe keywords:\n'
       '.Bl -tag -width Ds\n.It Cm Alpha Cm yes | no\nText.\nDefault: yes.\n.It Cm Beta\nText.\nNot built yet.\nDefault: a, b.\n.El\n'
       '.Pp\n.Cm Gamma .\n')
ROWS = '{name}\tAlpha\tbuilt\tyes\t-\tglobal\t\n{name}\tBeta\tlater\ta,b\t-\tglobal\t\n{name}\tGamma\talias\tAlpha\t-\tglobal\t\n'


@pytest.mark.parametrize('old,new,fails', [
    ('', '', 0),
    ('Default: yes.', 'Default: no.', 1),
    ('Not built yet.\n', '', 1),
    ('Cm Beta', 'Cm Delta', 1),
    ('.Cm Gamma .', '.Cm Epsilon .', 1),
    ('.Os\n', '', 1),
    ('.It Fl q', '.It Fl x', 1),
    ('.It Fl p Ar port', '.It Fl p', 1),
    ('.Fl A , D .', '.Fl A .', 1),
    ('.It Fl T', '.It Fl t', 1),
    ('.It Fl o Ar key', '.It Fl o', 1),
    ('Default: yes.', 'Default: yes.\nAllowed in Match.', 1),
])
def test_a_page_that_lies_fails(old, new, fails, tmp_path):
    (tmp_path / 'man').mkdir()
    (tmp_path / 'src/prog').mkdir(parents=True)
    for name in ('ssh_config', 'sshd_config'):
        text = MAN.format(name=name)
        (tmp_path / 'man' / f'{name}.5').write_text(text.replace(old, new) if name == 'sshd_config' and old else text)
    page = ('.Dd November 22, 2026\n.Dt SSH 1\n.Os\n.Sh NAME\n.Nm ssh\n.Nd test\n.Sh DESCRIPTION\n.Bl -tag -width Ds\n.It Fl q\nText.\n.It Fl p Ar port\nText.\n.El\n'
            '.Pp\nThese are refused:\n.Fl A , D .\n')
    (tmp_path / 'man/ssh.1').write_text(page.replace(old, new) if old else page)
    served = page.split('.Pp')[0].replace('SSH 1', 'SSHD 8').replace('Nm ssh', 'Nm sshd').replace('Fl q', 'Fl T').replace('Fl p Ar port', 'Fl o Ar key')
    (tmp_path / 'man/sshd.8').write_text(served.replace(old, new) if old in ('.It Fl T', '.It Fl o Ar key') else served)
    options = 'sshd\t-T\tbuilt\t-\nsshd\t-o\tbuilt\tkey\nsshd\t-b\tignored\tbits\nssh\t-q\tbuilt\t-\nssh\t-p\tbuilt\tport\nssh\t-A\tlater\t-\nssh\t-D\tlater\tport\n'
    tables = tmp_path / 'src/prog/hawser-tables'
    tables.write_text('#!/bin/sh\ncat <<END\n' + ''.join(ROWS.format(name=n) for n in ('ssh_config', 'sshd_config')) + options + 'END\n')
    tables.chmod(0o755)
    done = run('check-man', tmp_path)
    assert done.returncode == fails, done.stdout + done.stderr


@pytest.mark.parametrize('rows,spoil,says', [
    ('', None, ''),
    ('ssh\t-w\tbuilt\twhat-is-this\t-\t-\ttext\n', None, 'argument what-is-this'),
    ('ssh_config\tNew\tbuilt\tno\ta new type\tmatch\ttext\n', None, 'keyword New (a new type)'),
    ('', ('ssh', 'p=', 'P='), 'bash lacks -p'),
    ('', ('_ssh', '*-q[', '*-Q['), 'zsh lacks -q'),
    ('', ('ssh.fish', ' -s q ', ' -s Q '), 'fish lacks -q'),
    ('', ('ssh', '_hawser_split()\n{', '_hawser_split()\n'), 'syntax error'),
])
def test_completions(rows, spoil, says, tmp_path):
    tables, made = tmp_path / 'src/prog/hawser-tables', tmp_path / 'contrib/completions'
    tables.parent.mkdir(parents=True)
    made.mkdir(parents=True)
    text = ('ssh\t-q\tbuilt\t-\t-\t-\tquiet\nssh\t-o\tbuilt\tKey=value\t-\t-\toption\nssh\t-p\tbuilt\tport\t-\t-\tport\nssh_config\tPort\tbuilt\t22\tnumber\tmatch\tport\n'
            'ssh\t-A\tlater\tlater-too\t-\t-\tlater\n')
    tables.write_text(f'#!/bin/sh\ncat <<END\n{text}{rows}END\n')
    tables.chmod(0o755)
    for shell, name in ('bash', 'ssh'), ('zsh', '_ssh'), ('fish', 'ssh.fish'):
        (made / name).write_text(subprocess.run([TOP / 'contrib/completions/generate', shell, 'ssh', '/etc/ssh', tables], capture_output=True, text=True, check=True).stdout)
    if spoil:
        path = made / spoil[0]
        assert spoil[1] in path.read_text()
        path.write_text(path.read_text().replace(spoil[1], spoil[2]))
    done = subprocess.run([TOP / 'tools/check-completions', tmp_path], cwd=TOP, capture_output=True, text=True)
    assert done.returncode == bool(says) and says in done.stdout, done.stdout + done.stderr
