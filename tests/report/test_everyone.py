"""The report of a fleet that is too large for a row per node: sums count all, and only so much reaches the page."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

from fleet.record import EventRow, RunFolder, open_run
from fleet.report import Story, write_page
from fleet.report.cards import cards
from fleet.report.crowd import Crowd
from fleet.report.delivery import delivery_figure
from fleet.report.everyone import alive_figure, everyones_energy, transmitter_figure
from fleet.report.page import render
from fleet.report.sections import Sheet, sections
from fleet.report.summary import lines, notes
from fleet.report.supply import supply_figure
from fleet.report.trouble import trouble_figure
from tests.report.synthetic import as_happened, make_large
from tests.report.words import lit, plain

MANY = 3_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story.read(open_run(make_large(tmp_path_factory.mktemp("large") / "run", MANY)))


@pytest.fixture(scope="module")
def crowd(large: Story) -> Crowd:
    assert large.crowd is not None
    return large.crowd


def test_energy_and_bytes_count_all_nodes_not_the_watched(large: Story) -> None:
    last = lines(large)[-1]
    assert last.energy_nj == 4_499_500_000
    rounds = sum(row.payload_bytes for row in large.traffic if (row.line, row.direction) == ("federated", "up"))
    assert last.uplink_bytes == (rounds + 66 * 20 * 1_500 + 66 * 10 * 1_500) / MANY


def test_lines_without_a_table_of_all_nodes_are_as_they_were(large: Story) -> None:
    alone = next(line for line in lines(large) if line.line == "alone" and line.phase == "personal")
    assert alone.energy_nj == sum(large.drawn_nj("alone").values()) / 12


def test_the_table_says_whose_figures_it_shows(large: Story) -> None:
    heard = sum(66 - n % 7 for n in range(MANY))
    alive, whose = map(plain, notes(large))
    assert alive == f"2,970 of 3,000 nodes alive at the end; {heard:,} of 198,000 reports heard (95.5 %)."
    assert whose == "12 of 3,000 nodes watched: accuracy is theirs, the rest counts all."


def test_the_summary_holds_the_sums(large: Story) -> None:
    write_page(large)
    fleet = json.loads((large.run.path / "summary.json").read_text())["fleet"]
    assert (fleet["nodes"], fleet["watched"], fleet["alive"], fleet["reports"]) == (MANY, 12, 2_970, 66 * MANY)
    assert fleet["start_nj"] + fleet["supplied_nj"] == fleet["end_nj"] + fleet["drawn_nj"] + fleet["lost_nj"]


def test_cards_name_who_lives_and_what_arrived(large: Story) -> None:
    shown = {card.label: plain(card.value) for card in cards(large)}
    assert shown["Alive at the end"] == "2,970 of 3,000"
    assert shown["Reports that arrived"] == "95.5 %"
    assert "Accuracy, mean over watched nodes" in shown
    assert "Energy per node and day" in shown


def test_energy_by_cause_is_the_mean_of_each_group(large: Story) -> None:
    figure = everyones_energy(large)[0]
    assert plain(figure.finding) == "Transmit takes 75.0 % of the fleet's energy; a node draws 4.50 J on average"
    names = [trace["name"] for trace in figure.traces]
    assert names == ["sleep", "transmit"]
    joules = sum(row.energy_nj for row in large.sums if row.cause == "transmit" and row.group == 1) / 1_500 / 1e9
    assert figure.traces[1]["x"][1] == joules
    assert figure.traces[1]["y"] == ["1,500\u202fnodes, nrf52840", "1,500\u202fnodes, stm32l476"]


def test_histograms_count_every_node_once(large: Story, crowd: Crowd) -> None:
    delivery = delivery_figure(large)
    assert delivery is not None
    figures = {figure.name: figure for figure in [*everyones_energy(large), delivery, transmitter_figure(large, crowd)]}
    for name in ("energy-used", "delivery", "transmitter"):
        assert sum(figures[name].traces[0]["y"]) == MANY
    assert sum(figures["life-left"].traces[0]["y"]) == 2_970
    assert "worst at node 6, 90.9" in delivery.finding


def test_what_is_left_goes_on_at_the_pace_of_the_run(large: Story, crowd: Crowd) -> None:
    lasting = crowd.lasting_us(1_000_000)
    assert lasting[0] == 1_000_000 * 6_000_000_000 / 4_000_000_000
    assert lasting[99] == 0.0
    charged = replace(crowd, end_nj=crowd.start_nj)
    assert np.isinf(charged.lasting_us(1_000_000)[0])
    assert not any(
        figure.name == "life-left" for figure in everyones_energy(replace(large, crowds={"federated": charged}))
    )


def test_who_is_out_is_counted_over_time(large: Story, crowd: Crowd) -> None:
    figure = alive_figure(large, crowd)
    assert figure is not None
    assert plain(figure.finding).startswith("30 of 3,000 nodes are out at the end, the first after 1 min 39 s")
    assert figure.rows[0] == (0, MANY)
    assert figure.rows[1] == (99_000_000, MANY - 1)
    assert figure.rows[-1][1] == 2_970
    assert alive_figure(large, replace(crowd, died_us=crowd.died_us * 0 - 1)) is None


def test_a_harvest_is_shown_where_there_is_one(large: Story, tmp_path: Path) -> None:
    assert supply_figure(large) is None
    sunny = Story.read(open_run(make_large(tmp_path / "run", MANY, harvest=True)))
    figure = supply_figure(sunny)
    assert figure is not None
    assert plain(figure.finding).startswith("Supplied 1.67 J per node, 37.0 % of what was drawn; 167 mJ were lost")
    supplied, drawn, lost, change = figure.rows[0][1:]
    assert abs(supplied - drawn - lost - change) <= 2
    assert [row[0] for row in figure.rows] == [
        "group 1: 1,500\u202fnodes, nrf52840",
        "group 2: 1,500\u202fnodes, stm32l476",
    ]


def test_mains_are_no_harvest(crowd: Crowd) -> None:
    nothing = crowd.start_nj * 0
    mains = replace(crowd, start_nj=nothing, end_nj=nothing, lost_nj=nothing, supplied_nj=crowd.drawn_nj)
    assert not mains.harvests
    assert mains.used_share() is None
    assert np.isinf(mains.lasting_us(1)[0])


def test_many_nodes_in_trouble_are_counted_over_time(large: Story) -> None:
    events = [
        EventRow(line="federated", time_us=n * 10**9, node=n, round=1, kind=("died", "lost")[n % 2], detail="x")
        for n in range(100)
    ]
    figure = trouble_figure(replace(large, happened=as_happened(events)))
    assert figure is not None
    assert [sum(trace["y"]) for trace in figure.traces] == [50, 50]
    assert figure.height < 400


def test_every_figure_is_valid_plotly(large: Story) -> None:
    sheet = Sheet()
    sections(large, sheet)
    assert {"energy-groups", "energy-used", "life-left", "alive", "delivery", "transmitter"} <= {
        figure.name for figure in sheet.figures
    }
    for figure in sheet.figures:
        spec = figure.spec()
        go.Figure(data=lit(spec["data"]), layout=lit(spec["layout"]))  # refuses unknown properties
        assert all(len(row) == len(figure.columns) for row in figure.rows)


def test_a_large_page_keeps_so_many_rows_of_a_figure(large: Story) -> None:
    sheet = Sheet(100)
    sections(large, sheet)
    assert max(len(figure.rows) for figure in sheet.figures) == 100
    assert any("The CSV file has the first 100 of" in figure.caption for figure in sheet.figures)


def test_a_page_of_a_large_fleet_says_what_it_draws(large: Story) -> None:
    page = plain(render(large))
    assert "12 of 3,000 nodes drawn; sums count all" in page
    assert "12 of 3,000 nodes are watched" in page


def test_a_large_fleet_that_is_under_way_has_a_page(tmp_path: Path) -> None:
    path = make_large(tmp_path / "run", MANY)
    (path / "fingerprint.txt").unlink()
    for table in ("totals", "sums", "accuracy", "energy"):
        for part in (path / "tables" / table).iterdir():
            part.unlink()
    assert "unfinished" in render(Story.read(RunFolder.open(path)))
