"""End-to-end tests: the built programs against real peers. HAWSER_BUILD names the folder of the programs."""
import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def bindir():
    root = pathlib.Path(__file__).resolve().parents[2]
    path = pathlib.Path(os.environ.get("HAWSER_BUILD", root / "build" / "src" / "prog")).resolve()
    assert path.is_dir(), f"{path} is missing: build first, or set HAWSER_BUILD"
    return path
