"""The page of a plan: complete, self-contained, and true to the plan."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from plotly.io import from_json

from fleet.base.errors import InputError
from fleet.node.plan import Plan
from fleet.node.profile import load_profile
from fleet.report.plan_figure import arena_figure, load_figure
from fleet.report.plan_page import render_plan, write_plan
from fleet.run.plans import Network, OnBoard, Terms, network, on_board, planned
from tests.report.words import plain


@pytest.fixture(scope="module")
def net() -> Network:
    return network("ds-cnn")


@pytest.fixture(scope="module")
def found(net: Network) -> OnBoard:
    return on_board(planned(net, "last_k:2", Terms()), load_profile("nrf52840"))


@pytest.fixture(scope="module")
def plan(found: OnBoard) -> Plan:
    return found.planned.plan


@pytest.fixture(scope="module")
def page(net: Network, found: OnBoard) -> str:
    return plain(render_plan(net, [found]))


def test_every_buffer_is_a_box_where_it_lies(plan: Plan) -> None:
    figure = arena_figure(plan)
    drawn = [
        (x - width / 2 - 0.5, x + width / 2 - 1.5, base * 1024, y * 1024)
        for trace in figure.traces
        for x, width, base, y in zip(trace["x"], trace["width"], trace["base"], trace["y"], strict=True)
    ]
    assert sorted(drawn) == sorted((b.first, b.last, b.offset, b.size_bytes) for b in plan.buffers)


def test_the_fullest_step_is_named_and_is_the_highest_bar(plan: Plan) -> None:
    bars: list[float] = load_figure(plan).traces[0]["y"]
    assert max(bars) * 1024 == plan.lower_bound_bytes == bars[plan.peak_step] * 1024
    assert f"it is fullest at step {plan.peak_step + 1} of {len(plan.steps)}" in arena_figure(plan).finding


def test_figures_are_plotly_figures(plan: Plan) -> None:
    for figure in (arena_figure(plan), load_figure(plan)):
        spec = figure.spec()
        text = re.sub(r'"@[\w-]+"', '"#000000"', json.dumps({"data": spec["data"], "layout": spec["layout"]}))
        assert len(from_json(text).data) == len(figure.traces)


def test_the_page_holds_its_numbers_and_loads_nothing(page: str, found: OnBoard) -> None:
    assert f"{found.planned.size_bytes:,} B" in page
    assert f"{found.free_bytes - found.sram_bytes:,} B to spare" in page
    assert "default-src 'none'" in page
    body, _, scripts = page.partition("<script")
    assert not re.search(r"(?:src|href)=.?https?:", body)
    for line in found.ledger.lines:
        assert f"{line.size_bytes:,}" in body
    data: dict[str, Any] = json.loads(scripts.partition(">")[2].partition("</script>")[0])
    assert list(data["figures"]) == ["arena", "load"]


def test_without_nodes_there_is_nothing_to_choose(page: str) -> None:
    assert '<label id="chooser" style="display:none">' in page


def test_a_page_that_cannot_be_written_is_refused(tmp_path: Path, net: Network, found: OnBoard) -> None:
    assert write_plan(tmp_path / "plan.html", net, [found]).stat().st_size < 6 * 2**20
    with pytest.raises(InputError, match="expected a place to write to"):
        write_plan(tmp_path / "none" / "plan.html", net, [found])
