"""The keys of `radio`: what each kind gets that a file does not say, and what a file may not say."""

from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.base.places import scenarios_dir
from fleet.scenario import LinkChoice, RadioChoice, dump, loads, names
from fleet.world.gateway import GatewaySpec
from fleet.world.radio.channel import Receiver, Site
from fleet.world.specs import channel, gateway, radio_link

QUICKSTART = (scenarios_dir() / "quickstart.yaml").read_text(encoding="utf-8")
PLAIN = "radio: {kind: ble, phy: 1M, loss: 2 %}"
SITE = Site(node=0, seed=0, transmit_dbm=0, receiver=Receiver(sensitivity_dbm=-95, bit_errors=1e-3))


def faults(radio: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        loads(QUICKSTART.replace(PLAIN, f"radio: {{{radio}}}"), name="f.yaml")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("kind", names.RADIOS)
def test_a_kind_gets_its_own_defaults_and_no_key_of_another(kind: str) -> None:
    choice = RadioChoice(kind=kind)
    assert len(choice.settings()) == len(names.RADIOS[kind].defaults)
    assert None not in choice.settings().values()
    others = {key for other in names.RADIOS.values() for key in other.defaults} - set(names.RADIOS[kind].defaults)
    assert all(getattr(choice, key, None) is None for key in others)


def test_a_key_that_the_kind_does_not_read_is_refused_with_those_that_it_does() -> None:
    (said,) = faults("kind: ble, hops: 3")
    assert "fleet[0].radio.hops: expected only kind, module, tx, loss, link, phy, interval" in said
    assert said.endswith("with ble, got hops; delete it")


def test_a_key_of_another_link_model_is_refused() -> None:
    said = faults("kind: ble, link: {kind: independent, loss: 1 %, to_bad: 2 %}")
    assert said == [
        "f.yaml:35: fleet[0].radio.link.to_bad: expected only kind, loss with independent, got to_bad; delete it"
    ]


def test_a_link_model_needs_its_keys_and_one_place() -> None:
    (said,) = faults("kind: ble, link: {kind: gilbert_elliott, to_bad: 1 %}")
    assert "fleet[0].radio.link: expected to_good with gilbert_elliott, got none; add it" in said
    for place, got in (("", "none"), (", distance: 1 m, radius: 2 m", "distance and radius")):
        (said,) = faults(f"kind: ble, link: {{kind: log_distance, exponent: 3{place}}}")
        assert f"expected one of distance, radius with log_distance, got {got}; give exactly one" in said


LINKS = [
    "{kind: independent, loss: 2 %}",
    "{kind: gilbert_elliott, to_bad: 1 %, to_good: 20 %}",
    "{kind: log_distance, exponent: 2.8, radius: 40 m, shadowing: 6.5 dB}",
    "{kind: trace, file: loss.csv, repeat: 24 h}",
]


@pytest.mark.parametrize("link", LINKS)
def test_a_link_model_survives_the_round_trip(link: str) -> None:
    scenario = loads(QUICKSTART.replace(PLAIN, f"radio: {{kind: ble, link: {link}}}"))
    again = loads(dump(scenario))
    assert again == scenario
    assert dump(again) == dump(scenario)


GROUP = """
  - board: nrf52840
    count: 6
    energy: {{store: cr2032}}
    radio: {{kind: ble, gateway: {{links: {links}, name: {name}}}}}
    every: 1 h
"""


def two_groups(*links: int, names_: tuple[str, str] = ("hall", "hall")) -> str:
    groups = "".join(GROUP.format(links=n, name=name) for n, name in zip(links, names_, strict=True))
    head, rest = QUICKSTART.split("fleet:\n")
    return f"{head}fleet:{groups}\nserver:{rest.split('server:')[1]}"


def test_groups_that_name_one_gateway_share_it_and_agree_on_its_links() -> None:
    scenario = loads(two_groups(4, 4))
    assert [gateway(group.radio) for group in scenario.fleet] == [GatewaySpec(kind="ble", name="hall", links=4)] * 2
    assert loads(dump(scenario)) == scenario
    assert loads(two_groups(4, 8, names_=("hall", "attic"))).nodes == 12
    with pytest.raises(
        InputError, match=r"fleet\[1\]\.radio\.gateway\.links: expected 4, as another group has for hall"
    ):
        loads(two_groups(4, 8))


def test_kept_connections_need_a_link_each() -> None:
    (said,) = faults("kind: ble, kept: true, gateway: {links: 8}")
    assert "gateway.links: expected at least 12, one for each kept connection, got 8; raise it, or take kept" in said


def test_a_radio_whose_nodes_share_nothing_has_no_gateway() -> None:
    assert gateway(RadioChoice(kind="ble")) is None
    said = faults("kind: wifi, gateway: {links: 8}")
    assert any("radio.gateway: expected only kind, module, tx, loss, link, association" in each for each in said)


def test_every_ble_key_survives_the_round_trip_and_defaults_that_came_later_are_not_written() -> None:
    radio = "kind: ble, kept: true, latency: 4, octets: 27, packets: 6, writes: requests, interval: 100 ms"
    scenario = loads(QUICKSTART.replace(PLAIN, f"radio: {{{radio}}}"))
    assert loads(dump(scenario)) == scenario
    assert "latency: 4" in dump(scenario)
    assert "latency" not in dump(loads(QUICKSTART))


def test_link_models_have_the_same_defaults_as_the_channels() -> None:
    full = LinkChoice(kind="gilbert_elliott", to_bad=0.01, to_good=0.2)
    bare = radio_link(RadioChoice(kind="ble", link=full))
    assert channel(RadioChoice(kind="ble", link=full), SITE).share(0) == pytest.approx(0.0476, abs=1e-4)
    assert bare == radio_link(
        RadioChoice(
            kind="ble",
            link=LinkChoice(kind="gilbert_elliott", to_bad=0.01, to_good=0.2, loss_bad=1.0, loss_good=0.0),
        )
    )


def test_a_node_hears_by_its_place_its_power_and_its_setting() -> None:
    far = LinkChoice(kind="log_distance", exponent=3.0, distance_mm=65_000)
    shares = [
        radio_link(RadioChoice(kind="ble", phy=phy, tx_dbm=tx, link=far)).channel.share(2_000)  # type: ignore[attr-defined]
        for phy, tx in (("1M", None), ("1M", 0), ("1M", 8), ("S8", 0))
    ]
    assert shares[0] == shares[1] > shares[2]
    assert shares[1] > 0.5 > shares[3]


def test_a_trace_is_read_beside_the_scenario(tmp_path: Path) -> None:
    choice = RadioChoice(kind="ble", link=LinkChoice(kind="trace", file=Path("loss.csv")))
    with pytest.raises(InputError, match=r"link\.file: expected a readable file"):
        radio_link(choice, scenario=tmp_path / "s.yaml")
    (tmp_path / "loss.csv").write_text("time_s,loss\n0,0.25\n", encoding="utf-8")
    assert radio_link(choice, scenario=tmp_path / "s.yaml").channel.share(0) == 0.25  # type: ignore[attr-defined]
