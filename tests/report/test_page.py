"""The file itself: self-contained, safe, complete, also for a run that stopped half-way."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fleet.base.errors import RunError
from fleet.record import EventRow, LedgerRow, RunFolder, open_run
from fleet.report import summary, write_report
from fleet.report.page import render
from fleet.report.story import Story
from tests.report.synthetic import as_happened, make_run
from tests.report.words import plain


class Elements(HTMLParser):
    """All start tags with their attributes, ids, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._quiet = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._quiet = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._quiet = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._quiet else data


@pytest.fixture(scope="module")
def page(run_path: Path) -> str:
    return write_report(run_path).read_text()


@pytest.fixture(scope="module")
def elements(page: str) -> Elements:
    return Elements(page)


def test_the_report_lies_in_the_run_folder_and_is_under_6_mb(run_path: Path, page: str) -> None:
    assert (run_path / "report.html").stat().st_size < 6_000_000


def test_the_page_loads_nothing(elements: Elements) -> None:
    loads = [value for _, attrs in elements.tags for name, value in attrs.items() if name in ("src", "href", "action")]
    assert loads == ["data:,"]
    policy = next(
        attrs["content"] for _, attrs in elements.tags if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy


def test_the_styles_load_nothing(page: str) -> None:
    for style in re.findall(r"<style>(.*?)</style>", page, re.DOTALL):
        assert "url(" not in style
        assert "@import" not in style


def test_every_figure_of_the_data_has_its_place(page: str, elements: Elements) -> None:
    [text] = re.findall(r'<script id="run-data" type="application/json">(.*?)</script>', page, re.DOTALL)
    data = json.loads(text)
    places = [attrs["id"] for _, attrs in elements.tags if attrs.get("class") == "plot"]
    assert places == list(data["figures"])
    assert len(places) == 12


def test_plotly_is_there_once(page: str) -> None:
    assert page.count("* plotly.js v") == 1


def test_the_page_says_how_to_get_it_again(elements: Elements, story: Story) -> None:
    fingerprint = story.run.fingerprint
    assert fingerprint is not None
    for needed in (fingerprint, "fleet run scenarios/quickstart.yaml --seed 0", "3.11.7", "source: seglearn-watch"):
        assert needed in elements.text
    for basis in ("Measured", "Counted", "Modelled", "Unverified"):
        assert basis in elements.text


def test_the_same_run_gives_the_same_page(run_path: Path, page: str) -> None:
    assert write_report(run_path).read_text() == page


def test_the_numbers_of_the_final_table_lie_beside_the_page(run_path: Path, page: str) -> None:
    saved = open_run(run_path).summary
    assert saved is not None
    assert [line["name"] for line in saved["lines"]][-1] == "federated + personal"
    assert saved["lines"][-1]["mean"] == summary(run_path)[-1].mean


def test_an_unfinished_run_gives_a_report_that_says_so(unfinished_path: Path) -> None:
    text = plain(Elements(write_report(unfinished_path).read_text()).text)
    assert "This run is unfinished. 3 rounds of the federated line recorded so far" in text
    assert "No energy is recorded so far." in text
    assert "none yet: the run is unfinished" in text


def test_a_finished_run_is_not_called_unfinished(elements: Elements) -> None:
    assert "unfinished" not in elements.text


def test_a_run_that_wrote_nothing_yet_gives_a_report(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run", "name: young\n", {}):
        pass
    text = Elements(write_report(tmp_path / "run").read_text()).text
    assert "There is no answer yet" in text
    assert "No accuracy is recorded." in text


def test_a_quiet_run_says_that_nothing_went_wrong(tmp_path: Path) -> None:
    text = Elements(write_report(make_run(tmp_path / "run", rounds=1, events=False)).read_text()).text
    assert "Nothing: no node died, no transfer was lost, no reply came late, no update was refused." in text


def test_words_of_a_run_cannot_become_markup(story: Story) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    event = EventRow(line="federated", time_us=1, node=0, round=1, kind="lost", detail=evil)
    item = LedgerRow(
        board=evil, memory="sram", bank=evil, item=evil, bytes=1, reason=evil, basis="planned", unverified=True
    )
    nodes = [replace(row, subject=evil) for row in story.nodes]
    page = render(replace(story, happened=as_happened([event]), ledger=[item], nodes=nodes))
    tags = Elements(page).tags
    assert [tag for tag, _ in tags].count("script") == 3
    assert not [attrs for tag, attrs in tags if tag == "img" or "onerror" in attrs]


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="expected a run folder"):
        write_report(tmp_path)
