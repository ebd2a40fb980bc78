"""ssh-keygen -M: groups that both programs find, in files that both read."""
import os
import subprocess

import pytest

from conftest import wait_for

THEIRS = "/usr/bin/ssh-keygen"
START = "4D" + "00" * 62 + "01"
pytestmark = pytest.mark.skipif(not os.path.exists(THEIRS), reason="Debian's ssh-keygen is the oracle")


@pytest.fixture
def ours(bindir):
    return str(bindir / "ssh-keygen")


def run(program, *args, cwd, rc=0):
    done = subprocess.run([program, *map(str, args)], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == rc, done.stderr
    return done


def numbers(path):
    """Lines without the time."""
    return [line.split()[1:] for line in path.read_text().splitlines()]


@pytest.fixture
def candidates(ours, tmp_path):
    done = run(ours, "-M", "generate", "-O", "bits=512", "-O", f"start={START}", "all", cwd=tmp_path)
    assert "candidates for 512 bits" in done.stderr
    lines = (tmp_path / "all").read_text().splitlines(keepends=True)
    assert len(lines) > 3000
    (tmp_path / "some").write_text("".join(lines[:1500]))
    return tmp_path / "some"


def test_candidates_are_ordered_odd_and_repeatable(candidates, ours, tmp_path):
    rows = numbers(candidates)
    found = [int(row[5], 16) for row in rows]
    assert all(row[:5] == ["4", "2", "0", "510", "0"] for row in rows)
    assert found == sorted(set(found)) and all(q & 1 and q >= int(START, 16) for q in found)
    run(ours, "-q", "-M", "generate", "-O", "bits=512", "-O", f"start={START}", "again", cwd=tmp_path)
    assert numbers(tmp_path / "again")[:1500] == rows
    run(ours, "-q", "-M", "generate", "-O", "bits=512", "random", cwd=tmp_path)
    assert numbers(tmp_path / "random")[:1500] != rows


@pytest.mark.parametrize("options", [[], ["start-line=100", "lines=900"], ["lines=700"], ["generator=2"], ["generator=5"], ["generator=7"], ["prime-tests=5"]])
def test_both_find_the_same(candidates, ours, tmp_path, options):
    words = [word for option in options for word in ("-O", option)]
    ours_said = run(ours, "-M", "screen", "-f", candidates, *words, "ours", cwd=tmp_path).stderr
    run(THEIRS, "-M", "screen", "-f", candidates, *words, "theirs", cwd=tmp_path)
    assert numbers(tmp_path / "ours") == numbers(tmp_path / "theirs")
    assert f"Found {len(numbers(tmp_path / 'ours'))} safe primes" in ours_said
    assert options or len(numbers(tmp_path / "ours")) > 0


def test_output_is_screened_again(candidates, ours, tmp_path):
    run(ours, "-q", "-M", "screen", "-f", candidates, "once", cwd=tmp_path)
    for program in ours, THEIRS:
        run(program, "-M", "screen", "-f", "once", "-O", "prime-tests=4", "twice", cwd=tmp_path)
        assert [row[5] for row in numbers(tmp_path / "twice")] == [row[5] for row in numbers(tmp_path / "once")]
        assert {row[2] for row in numbers(tmp_path / "twice")} == {"104"}
        os.unlink(tmp_path / "twice")


def test_broken_lines_are_passed_over(candidates, ours, tmp_path):
    good = candidates.read_text().splitlines()
    (tmp_path / "mixed").write_text("\n".join(["# comment", "", "junk", "1 2 3", "20260101000000 4 2 0 510 0 XYZ", "20260101000000 4 2 0 99 0 " + good[0].split()[-1],
                                               "20260101000000 4 3 0 510 0 " + good[0].split()[-1], "9" * 5000, *good]) + "\n")
    run(ours, "-q", "-M", "screen", "-f", "mixed", "a", cwd=tmp_path)
    run(ours, "-q", "-M", "screen", "-f", candidates, "b", cwd=tmp_path)
    assert numbers(tmp_path / "a") == numbers(tmp_path / "b")


def test_a_killed_screening_goes_on_at_its_checkpoint(candidates, ours, tmp_path):
    big = tmp_path / "all"
    run(ours, "-q", "-M", "screen", "-f", big, "whole", cwd=tmp_path)
    words = [ours, "-q", "-M", "screen", "-f", str(big), "-O", "checkpoint=point", "parts"]
    first = subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.DEVNULL)
    wait_for((tmp_path / "point").exists, every=0.001)
    first.kill()
    assert first.wait() == -9
    reached = int((tmp_path / "point").read_text())
    assert 0 < reached < len(big.read_text().splitlines())
    run(*words, cwd=tmp_path)
    parts, whole = numbers(tmp_path / "parts"), numbers(tmp_path / "whole")
    assert [row for i, row in enumerate(parts) if row not in parts[:i]] == whole and len(parts) <= len(whole) + 1
    assert not (tmp_path / "point").exists()


@pytest.mark.parametrize("args,says", [
    (["generate"], "No output file"), (["generate", "a", "b"], "Too many"), (["mumble", "a"], "Unsupported moduli option"), (["generate", "-O", "bits=100", "a"], "512 to 16384"),
    (["generate", "-O", "bits=99999", "a"], "512 to 16384"), (["generate", "-O", "lines=3", "a"], "unsupported for moduli generation"),
    (["screen", "-O", "bits=3", "a"], "unsupported for moduli screening"), (["screen", "-O", "prime-tests=3", "a"], "4 to"), (["generate", "-O", "start=xyz", "a"], "hexadecimal"),
    (["generate", "-O", "bits=512", "-O", "start=ABCD", "a"], "must have 511 bits"), (["screen", "-f", "missing", "a"], "No such file"),
    (["generate", "nowhere/a"], "No such file"),
])
def test_wrong_use(ours, tmp_path, args, says):
    assert says in run(ours, "-M", *args[:1], *args[1:], cwd=tmp_path, rc=255).stderr
