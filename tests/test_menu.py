"""What `import fleet` offers, and what it does not cost."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import fleet
from fleet.base.errors import RunError
from fleet.base.places import scenarios_dir


def test_the_version_is_the_one_that_is_installed() -> None:
    assert fleet.__version__ == version("mcufleet")


def test_importing_fleet_loads_nothing_that_takes_time() -> None:
    code = (
        "import sys, fleet; print(sorted(sys.modules.keys() & {'numpy', 'pandas', 'flwr', 'torch', 'yaml', 'plotly'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_scenario_is_loaded_by_its_path() -> None:
    assert fleet.load(scenarios_dir() / "quickstart.yaml").name == "quickstart"


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected"):
        fleet.open_run(tmp_path)
