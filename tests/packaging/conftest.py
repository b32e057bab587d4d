"""A wheel built from the source distribution, and an environment that holds nothing of ours but that wheel."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Path:
    """The folder with the source distribution and the wheel made from it, without network."""
    out = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="session")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(built: Path) -> Path:
    (path,) = built.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The folder of programs of an environment with the wheel; our dependencies are lent by the running one."""
    home = tmp_path_factory.mktemp("environment")
    run([sys.executable, "-m", "venv", "--without-pip", str(home)], cwd=home)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "--disable-pip-version-check", "install"]
    run([*pip, "--no-deps", "--no-index", str(wheel)], cwd=home)
    (site,) = home.glob("lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return home / "bin"


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home of a user who has never run mcufleet."""
    return tmp_path_factory.mktemp("home")


def run(command: list[str], *, cwd: Path, home: Path | None = None) -> str:
    """What a command prints, in an environment that leads to no checkout and no cache. It must end well."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MCUFLEET", "FLEET_"))}
    away = {"HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")} if home else {}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=kept | away)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
