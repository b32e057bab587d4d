"""What a user gets who installs mcufleet without a checkout: one name, every file, and a quickstart that runs."""

import re
import tarfile
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.packaging.conftest import run
from tests.rules.tree import files, shown

FOLDERS_IN_WHEEL = {"devices/": "fleet/_devices/", "scenarios/": "fleet/_scenarios/"}


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def in_wheel(name: str) -> str:
    """Where a file of the checkout lies in the wheel."""
    for folder, place in FOLDERS_IN_WHEEL.items():
        if name.startswith(folder):
            return place + name.removeprefix(folder)
    return name


def test_one_importable_name_reaches_site_packages(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    (info,) = tops - {"fleet"}
    assert re.fullmatch(r"mcufleet-[0-9.]+\.dist-info", info)


def test_the_wheel_holds_the_package_the_boards_and_the_scenarios_to_the_last_file(names: set[str]) -> None:
    expected = {shown(path) for path in files() if shown(path).startswith(("fleet/", *FOLDERS_IN_WHEEL))}
    assert {name for name in names if name.startswith("fleet/")} == {in_wheel(name) for name in expected}


@pytest.mark.parametrize(
    "pattern",
    [
        r"fleet/py\.typed",
        r"fleet/node/engine/src/\w+\.c",
        r"fleet/node/engine/src/\w+\.h",
        r"fleet/node/engine/SPEC\.md",
        r"fleet/node/model/.*\.npz",
        r"fleet/learning/data/.*LICENSE.*",
        r"fleet/learning/data/.*\.np[yz]",
        r"fleet/_devices/nrf52840/profile\.yaml",
        r"fleet/_devices/stm32f746/profile\.yaml",
        r"fleet/_scenarios/quickstart\.yaml",
        r"mcufleet-.*\.dist-info/licenses/LICENSE",
    ],
)
def test_what_a_run_cannot_do_without_is_in_the_wheel(names: set[str], pattern: str) -> None:
    assert [name for name in names if re.fullmatch(pattern, name)]


def test_the_source_distribution_holds_the_project(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    project = {shown(path) for path in files() if not shown(path).startswith(".ci/")}
    assert project - held == set()


def test_an_installed_fleet_reads_its_own_files_only(installed: Path, elsewhere: Path, tmp_path: Path) -> None:
    code = "import fleet.base.places as p; print(p.PACKAGE, p.devices_dir(), p.scenarios_dir(), sep='\\n')"
    package, devices, scenarios = run(
        [str(installed / "python"), "-c", code], cwd=tmp_path, home=elsewhere
    ).splitlines()
    assert Path(package).is_relative_to(installed.parent)
    assert Path(devices) == Path(package) / "_devices"
    assert Path(scenarios) == Path(package) / "_scenarios"


def test_the_shipped_quickstart_passes_its_check(installed: Path, elsewhere: Path, tmp_path: Path) -> None:
    out = run([str(installed / "fleet"), "check", str(quickstart(installed))], cwd=tmp_path, home=elsewhere)
    assert "quickstart" in out


def test_a_shortened_quickstart_runs_in_an_empty_folder(installed: Path, elsewhere: Path, tmp_path: Path) -> None:
    """The engine is built from the installed copy, into a cache that was empty."""
    text = quickstart(installed).read_text(encoding="utf-8")
    for key, value in {"rounds": "1", "steps_per_round": "4", "personal_steps": "4", "compare": "[pretrained]"}.items():
        text, changed = re.subn(rf"(?m)^( *{key}:).*$", rf"\1 {value}", text)
        assert changed == 1, key
    (tmp_path / "short.yaml").write_text(text, encoding="utf-8")
    run([str(installed / "fleet"), "run", "short.yaml", "--out", "out"], cwd=tmp_path, home=elsewhere)
    assert (tmp_path / "out" / "report.html").stat().st_size > 0
    assert re.fullmatch(r"[0-9a-f]{64}\n?", (tmp_path / "out" / "fingerprint.txt").read_text(encoding="utf-8"))


def quickstart(installed: Path) -> Path:
    (path,) = installed.parent.glob("lib/python*/site-packages/fleet/_scenarios/quickstart.yaml")
    return path
