"""The quickstart as text that a test may change."""

from collections.abc import Callable

import pytest

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.scenario import loads

Edit = tuple[str, str]


@pytest.fixture(scope="session")
def quickstart_text() -> str:
    return (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")


@pytest.fixture
def edited(quickstart_text: str) -> Callable[..., str]:
    """The quickstart with pieces replaced; a piece that is not there fails the test."""

    def edit(*edits: Edit) -> str:
        text = quickstart_text
        for old, new in edits:
            assert text.count(old) == 1, f"expected {old!r} once"
            text = text.replace(old, new)
        return text

    return edit


@pytest.fixture
def faults_of() -> Callable[[str], list[str]]:
    """What is wrong with a text, one string per fault; the test fails when nothing is."""

    def find(text: str) -> list[str]:
        with pytest.raises(InputError) as refused:
            loads(text, name="f.yaml")
        return [str(fault) for fault in refused.value.faults]

    return find
