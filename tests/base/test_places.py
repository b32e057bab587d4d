"""Where files are found: a checkout before a wheel, and a cache that can be moved."""

from pathlib import Path

import pytest

from fleet.base import places
from fleet.base.errors import InputError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty package folder that places takes for its own."""
    folder = tmp_path / "site" / "fleet"
    folder.mkdir(parents=True)
    monkeypatch.setattr(places, "PACKAGE", folder)
    return folder


def test_this_checkout_finds_its_own_folders(checkout: Path) -> None:
    assert places.devices_dir() == checkout / "devices"
    assert places.scenarios_dir() == checkout / "scenarios"


def test_an_installed_package_finds_the_copies_inside_it(package: Path) -> None:
    assert places.devices_dir() == package / "_devices"
    assert places.scenarios_dir() == package / "_scenarios"


def test_a_checkout_wins_over_the_stale_copies_of_an_editable_install(package: Path) -> None:
    (package / "_devices").mkdir()
    (package.parent / "devices").mkdir()
    (package.parent / "pyproject.toml").touch()
    assert places.devices_dir() == package.parent / "devices"


def test_a_foreign_folder_named_devices_beside_the_package_is_not_ours(package: Path) -> None:
    """site-packages may hold a package of somebody else with that name."""
    (package.parent / "devices").mkdir()
    assert places.devices_dir() == package / "_devices"


def test_package_data_is_inside_the_package(checkout: Path) -> None:
    assert places.package_data("base", "rng.py") == checkout / "fleet" / "base" / "rng.py"
    assert places.package_data("base", "rng.py").is_file()


def test_the_cache_can_be_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCUFLEET_CACHE", str(tmp_path / "a" / "b"))
    assert places.cache_dir() == tmp_path / "a" / "b"
    assert places.cache_dir().is_dir()


def test_the_cache_follows_xdg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MCUFLEET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert places.cache_dir() == tmp_path / "mcufleet"


@pytest.mark.parametrize("ignored", ["", "relative/folder"])
def test_without_an_absolute_xdg_folder_the_cache_is_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: str
) -> None:
    monkeypatch.delenv("MCUFLEET_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", ignored)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert places.cache_dir() == tmp_path / ".cache" / "mcufleet"


def test_a_cache_that_cannot_be_made_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MCUFLEET_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match=r"MCUFLEET_CACHE: expected a folder that can be made, got .*; set it to"):
        places.cache_dir()
