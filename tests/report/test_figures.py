"""Every figure is valid Plotly, states what it shows, and carries its data."""

import re
from dataclasses import replace
from itertools import pairwise

import plotly.graph_objects as go
import pytest

from fleet.record import PlanRow
from fleet.report.accuracy import accuracy_figure, group_figures
from fleet.report.cards import cards
from fleet.report.cost import energy_figure, traffic_figures
from fleet.report.figure import PALETTE, EndLabel, Figure, end_labels
from fleet.report.memory import fullest, ledger_figures, plan_figure
from fleet.report.sections import Sheet, sections
from fleet.report.story import Story
from fleet.report.trouble import trouble_figure, trouble_finding
from tests.report.synthetic import as_happened
from tests.report.words import lit, plain

NAMES = [
    "accuracy", "never-new", "did-new", "never-old", "did-old", "energy", "payload", "airtime",
    "ledger-nrf52840-sram", "ledger-nrf52840-flash", "plan", "events",
]  # fmt: skip


@pytest.fixture(scope="module")
def figures(story: Story) -> dict[str, Figure]:
    sheet = Sheet()
    sections(story, sheet)
    return {figure.name: figure for figure in sheet.figures}


def test_the_report_has_every_figure_in_its_order(figures: dict[str, Figure]) -> None:
    assert list(figures) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_is_valid_plotly_with_units_a_title_and_data(figures: dict[str, Figure], name: str) -> None:
    spec = figures[name].spec()
    drawn = go.Figure(data=lit(spec["data"]), layout=lit(spec["layout"]))  # refuses unknown properties
    assert len(drawn.data) > 0
    assert figures[name].finding
    assert figures[name].caption.endswith(".")
    assert re.search(r", (h|%|J|kB|s|KiB)$|^node$|^step of the plan$", drawn.layout.xaxis.title.text)
    header, *rows = spec["csv"]
    assert rows
    assert all(len(row) == len(header) for row in rows)


def test_light_and_dark_have_the_same_okabe_ito_colours_for_data() -> None:
    okabe_ito = {"#0072B2", "#D55E00", "#E69F00", "#009E73", "#56B4E9", "#CC79A7", "#F0E442", "#999999"}
    used = {pair[0] for name, pair in PALETTE.items() if pair[0] == pair[1]}
    assert used == okabe_ito


def test_the_nodes_of_the_energy_figure_are_sorted_by_the_worst(story: Story) -> None:
    figure = energy_figure(story)
    drawn = story.drawn_nj("federated")
    assert [int(node) for node in figure.traces[0]["y"]] == sorted(drawn, key=lambda node: -drawn[node])
    totals = [sum(trace["x"][place] for trace in figure.traces) for place in range(12)]
    assert totals == sorted(totals, reverse=True)


def test_bars_add_up_to_what_was_sent(story: Story) -> None:
    payload, airtime = traffic_figures(story)
    own = [row for row in story.traffic if row.line == "federated"]
    assert sum(map(sum, (trace["x"] for trace in payload.traces))) == pytest.approx(
        sum(r.payload_bytes for r in own) / 1e3
    )
    assert sum(map(sum, (trace["x"] for trace in airtime.traces))) == pytest.approx(
        sum(r.airtime_us for r in own) / 1e6
    )


def test_every_node_has_a_line_that_a_click_can_find(story: Story) -> None:
    for figure in [accuracy_figure(story), *group_figures(story)]:
        nodes = [trace["meta"]["node"] for trace in figure.traces if "meta" in trace]
        assert nodes == sorted(set(nodes))
    assert len([trace for trace in accuracy_figure(story).traces if "meta" in trace]) == 12


def test_the_groups_show_the_mean_of_their_own_nodes(story: Story) -> None:
    never_new = group_figures(story)[0]
    result = story.result
    assert result is not None
    share = result.mean(story.group(False), "new")
    assert share is not None
    assert never_new.traces[-1]["y"][-1] == pytest.approx(share * 100, abs=1e-4)


def test_a_run_without_new_classes_has_no_groups(story: Story) -> None:
    old = replace(story, accuracy=[row for row in story.accuracy if row.classes == "old"])
    assert group_figures(old) == []
    assert "new" not in cards(old)[0].label


def test_the_ledger_bar_ends_at_the_size_of_its_bank(story: Story) -> None:
    sram, flash = ledger_figures(story)
    assert sum(trace["x"][0] for trace in sram.traces) == 256
    assert sum(trace["x"][0] for trace in flash.traces) == 1024


def test_memory_that_is_too_small_is_said_to_be(story: Story) -> None:
    values = [replace(row, value="100000") if row.key.startswith("bank:nrf52840:sram") else row for row in story.values]
    assert "20,136 B too many" in ledger_figures(replace(story, values=values))[0].finding


def test_a_bank_of_unstated_size_is_not_guessed(story: Story) -> None:
    figure = ledger_figures(replace(story, values=[]))[0]
    assert "does not state its size" in figure.finding
    assert all(trace["name"] != "free" for trace in figure.traces)


def test_the_peak_of_a_plan_is_its_fullest_step(story: Story) -> None:
    rows = [
        PlanRow(tensor=name, bytes=size, offset=0, first_step=first, last_step=last)
        for name, size, first, last in (("a", 10, 0, 3), ("b", 20, 1, 2), ("c", 15, 2, 5), ("d", 30, 4, 4))
    ]
    assert fullest(rows) == (2, 45)
    assert plan_figure(replace(story, plan=[])) is None


def test_nothing_wrong_is_a_good_answer(story: Story) -> None:
    calm = replace(story, happened=as_happened([]))
    assert trouble_figure(calm) is None
    assert trouble_finding(calm).startswith("Nothing: no node died")
    assert plain(trouble_finding(story)) == "1 node died, 1 late reply, 1 lost transfer, 1 stale reply."


def test_labels_at_line_ends_do_not_cover_each_other() -> None:
    heights = (99.0, 98.5, 98.0, 50.0, 49.9)
    labels = [EndLabel(y=y, text=("x",) * (1 + (y == 98.5)), colour="@ink") for y in heights]
    placed = [note["y"] for note in end_labels(labels, 4, 100)]
    assert placed == sorted(placed)
    assert all(b - a >= 4 - 1e-9 for a, b in pairwise(placed))
    assert placed[-1] <= 100


def test_the_five_cards_come_with_their_comparison(story: Story) -> None:
    shown = cards(story)
    assert [plain(card.value) for card in shown] == ["61.7 → 83.2 %", "11 h", "89.6 mJ", "43.1 kB", "45.8 %"]
    assert all(card.against for card in shown)


def test_a_fleet_on_mains_has_no_store_to_run_down(story: Story) -> None:
    mains = replace(story, battery=[replace(row, capacity_nj=0) for row in story.battery])
    assert cards(mains)[2].more == "the supply has no end"
