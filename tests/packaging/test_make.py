"""The two words a user types first, on machines that lack something."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

OLD = '[ "$1" = --version ] && echo "Python 3.9.2" && exit 0\nexit 1\n'
NO_VENV = '[ "$1" = -m ] || exit 0\nmkdir -p .venv/bin\nexit 1\n'
WORKING = '[ "$2" = venv ] || exit 0\nmkdir -p .venv/bin\ncp "$0" .venv/bin/python\n'


@pytest.fixture
def fresh(tmp_path: Path, checkout: Path) -> Path:
    """A checkout as far as make reads it."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    folder = tmp_path / "fresh"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(checkout / name, folder)
    return folder


def interpreter(folder: Path, script: str) -> str:
    path = folder.parent / "python"
    path.write_text(f"#!/bin/sh\n{script}")
    path.chmod(0o755)
    return str(path)


def make(folder: Path, *arguments: str, python: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "FLEET_"))}
    command = ["make", *arguments, f"PYTHON={python}"]
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, check=False)


def test_an_old_python_is_refused_with_its_version(fresh: Path) -> None:
    done = make(fresh, "demo", python=interpreter(fresh, OLD))
    assert done.returncode == 2
    assert "expected Python 3.11 or newer, got Python 3.9.2; name another" in done.stderr


def test_a_machine_without_python_is_told_what_to_install(fresh: Path) -> None:
    done = make(fresh, "test", python="")
    assert done.returncode == 2
    assert "Python: expected 3.11 or newer, found none" in done.stderr


def test_a_python_without_ensurepip_names_the_package_and_leaves_nothing_half_made(fresh: Path) -> None:
    done = make(fresh, "demo", python=interpreter(fresh, NO_VENV))
    assert done.returncode == 2
    assert "apt install python3-venv" in done.stderr
    assert not (fresh / ".venv").exists()


def test_a_second_make_does_not_install_again(fresh: Path) -> None:
    python = interpreter(fresh, WORKING)
    first, second = (make(fresh, ".venv/.installed-run", python=python) for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert "pip" in first.stdout
    assert "up to date" in second.stdout


def test_what_the_tests_need_contains_what_the_demo_needs(fresh: Path) -> None:
    python = interpreter(fresh, WORKING)
    assert make(fresh, ".venv/.installed-test", python=python).returncode == 0
    assert "up to date" in make(fresh, ".venv/.installed-run", python=python).stdout


def test_changed_pins_install_again(fresh: Path) -> None:
    python = interpreter(fresh, WORKING)
    assert make(fresh, ".venv/.installed-run", python=python).returncode == 0
    stamp = (fresh / ".venv" / ".installed-run").stat().st_mtime
    os.utime(fresh / "constraints.txt", (stamp + 1, stamp + 1))
    assert "pip" in make(fresh, ".venv/.installed-run", python=python).stdout


@pytest.mark.parametrize("there", [True, False])
def test_data_sets_beside_the_checkout_are_named_to_the_tests(fresh: Path, there: bool) -> None:
    if there:
        (fresh.parent / "shared" / "data").mkdir(parents=True)
    (fresh / "Makefile").write_text((fresh / "Makefile").read_text() + "\nsay:\n\t@echo data=$$FLEET_DATA\n")
    assert make(fresh, "say", python="none").stdout == f"data={fresh.parent / 'shared' / 'data' if there else ''}\n"
