from dataclasses import replace

from fleet.base.places import scenarios_dir
from fleet.run.assemble import assemble
from fleet.run.places import places_on, watched_nodes
from fleet.scenario import load


def test_a_small_fleet_is_watched_whole_and_a_large_one_by_a_sample():
    assert list(watched_nodes([500, 500], 12)) == list(range(1000))
    shown = watched_nodes([900_000, 100_000], 12)
    assert set(range(180)) <= set(shown)
    assert [n for n in shown if n >= 900_000] == list(range(900_000, 900_020))


def test_nodes_beyond_the_data_share_it():
    scenario = load(scenarios_dir() / "quickstart.yaml")
    group = replace(scenario.fleet[0], count=100)
    large = replace(scenario, data=replace(scenario.data, shared=True), fleet=(group,))
    party = assemble(large)
    assert len(party.clients) == 100
    assert party.clients[25].shard.node == 25
    assert party.clients[25].shard.train is party.clients[1].shard.train
    assert party.windows_on(group.board) == max(shard.train.size for shard in party.shards)


def test_a_board_has_the_shards_its_nodes_reach():
    scenario = load(scenarios_dir() / "quickstart.yaml")
    first = replace(scenario.fleet[0], count=2)
    second = replace(scenario.fleet[0], board="stm32f746", count=3)
    assert places_on("stm32f746", (first, second), 4) == {2, 3, 0}
