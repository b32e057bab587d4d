"""A node that is updated: what it takes, what it remembers, when it goes back."""

from dataclasses import replace
from hashlib import sha256

import pytest

from analysis.interruption.rig import FIRST_SEQUENCE, KEYS, OWNER, STRANGER, Server, Setup, check_end
from fleet.node.flash import Flash
from fleet.node.protocol.admission import Reason, sign_manifest
from fleet.node.protocol.manifest import Kind, Manifest
from fleet.node.protocol.ota import Agent, Mode, State
from tests.node.protocol.ota.nodes import made_for

NRF = "nrf52840"
REVERTING = (Mode.DIRECT_XIP, Mode.SWAP_SCRATCH, Mode.SWAP_MOVE, Mode.SWAP_OFFSET)


def node(made: Setup, flash: Flash | None = None) -> Agent:
    agent = Agent(flash or made.factory.copy(), made.layout, made.facts, KEYS)
    agent.start()
    return agent


def restarted(agent: Agent) -> Agent:
    again = Agent(agent.flash, agent.layout, agent.template, agent.keys)
    again.start()
    return again


def offered(agent: Agent, manifest: Manifest) -> None:
    assert agent.offer(sign_manifest(manifest, OWNER)) == ()


def send(agent: Agent, manifest: Manifest, payload: bytes, count: int | None = None) -> None:
    size = manifest.transport.fragment_bytes
    for number in agent.missing[:count]:
        agent.fragment(number, payload[number * size : (number + 1) * size])


def running(agent: Agent) -> bytes | None:
    manifest = agent.booted.manifest
    return manifest.payload.installed_digest if manifest else None


def on_trial(made: Setup) -> Agent:
    agent = node(made)
    manifest = made.manifest(FIRST_SEQUENCE)
    offered(agent, manifest)
    send(agent, manifest, made.payload)
    assert agent.wants_restart
    return restarted(agent)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", Kind)
def test_models_plans_and_firmware_are_updated_in_every_mode(mode: Mode, kind: Kind) -> None:
    made = made_for(NRF, mode, kind)
    flash = made.factory.copy()
    server = Server(made, flash)
    server.run()
    check_end(made, flash, server)


@pytest.mark.parametrize("mode", REVERTING)
def test_content_that_fails_its_trial_goes_and_its_sequence_is_used_up(mode: Mode) -> None:
    made = made_for(NRF, mode)
    agent = on_trial(made)
    assert running(agent) == sha256(made.new).digest()
    agent.judge(healthy=False)
    agent = restarted(agent)
    assert (running(agent), agent.state) == (sha256(made.old).digest(), State.IDLE)
    assert agent.record.security_counter == 1
    (refusal,) = agent.offer(sign_manifest(made.manifest(FIRST_SEQUENCE), OWNER))
    assert refusal.reason is Reason.STALE


@pytest.mark.parametrize("mode", REVERTING)
def test_content_that_nobody_confirms_in_time_goes(mode: Mode) -> None:
    made = made_for(NRF, mode)
    agent = on_trial(made)
    agent.late()
    assert agent.wants_restart
    assert running(restarted(agent)) == sha256(made.old).digest()


@pytest.mark.parametrize("mode", REVERTING)
def test_a_crash_during_the_trial_brings_the_old_content_back(mode: Mode) -> None:
    agent = restarted(on_trial(made_for(NRF, mode)))
    assert agent.state is State.IDLE
    assert not agent.booted.is_trial
    assert agent.record.security_counter == 1


def test_during_a_trial_no_other_update_is_taken() -> None:
    made = made_for(NRF, Mode.SWAP_MOVE)
    agent = on_trial(made)
    (refusal,) = agent.offer(sign_manifest(made.manifest(FIRST_SEQUENCE + 1), OWNER))
    assert refusal.reason is Reason.BUSY


@pytest.mark.parametrize("mode", Mode)
def test_after_an_update_content_with_a_lower_counter_is_refused(mode: Mode) -> None:
    made = made_for(NRF, mode)
    flash = made.factory.copy()
    Server(made, flash).run()
    agent = node(made, flash)
    assert agent.record.security_counter == 2
    older = made.manifest(FIRST_SEQUENCE + 1, made.old, counter=1)
    reasons = [refusal.reason for refusal in agent.offer(sign_manifest(older, OWNER))]
    assert Reason.ROLLBACK in reasons


def test_an_offer_that_is_refused_does_not_disturb_the_download_in_work() -> None:
    made = made_for(NRF, Mode.DIRECT_XIP)
    agent = node(made)
    manifest = made.manifest(FIRST_SEQUENCE)
    offered(agent, manifest)
    send(agent, manifest, made.payload, 5)
    missing = agent.missing
    (refusal,) = agent.offer(sign_manifest(made.manifest(FIRST_SEQUENCE + 1), STRANGER))
    assert refusal.reason is Reason.FORGED
    offered(agent, manifest)
    assert (agent.state, agent.missing) == (State.DOWNLOAD, missing)
    send(agent, manifest, made.payload)
    assert agent.wants_restart


def test_a_newer_update_takes_the_place_of_the_one_in_work() -> None:
    made = made_for(NRF, Mode.SWAP_OFFSET)
    agent = node(made)
    offered(agent, made.manifest(FIRST_SEQUENCE))
    send(agent, made.manifest(FIRST_SEQUENCE), made.payload, 5)
    newer = made.manifest(FIRST_SEQUENCE + 1)
    offered(agent, newer)
    assert len(agent.missing) == newer.transport.fragments
    send(agent, newer, made.payload)
    assert agent.wants_restart


@pytest.mark.parametrize("mode", Mode)
def test_a_payload_with_a_wrong_bit_is_dropped_and_may_be_sent_again(mode: Mode) -> None:
    made = made_for(NRF, mode)
    agent = node(made)
    manifest = made.manifest(FIRST_SEQUENCE)
    offered(agent, manifest)
    send(agent, manifest, bytes([made.payload[0] ^ 1]) + made.payload[1:])
    assert (agent.state, agent.wants_restart) == (State.IDLE, False)
    offered(agent, manifest)
    send(agent, manifest, made.payload)
    assert running(restarted(agent)) == sha256(made.new).digest()


def test_fragments_in_any_order_and_twice_are_taken_once() -> None:
    made = made_for(NRF, Mode.DIRECT_XIP)
    agent = node(made)
    manifest = made.manifest(FIRST_SEQUENCE)
    offered(agent, manifest)
    size = manifest.transport.fragment_bytes
    for number in reversed(range(manifest.transport.fragments)):
        content = made.payload[number * size : (number + 1) * size]
        agent.fragment(number, content[:-1])
        agent.fragment(manifest.transport.fragments + 3, content)
        agent.fragment(number, content)
        agent.fragment(number, content)
    assert running(restarted(agent)) == sha256(made.new).digest()


def test_below_the_battery_floor_no_fragment_is_written() -> None:
    made = made_for(NRF, Mode.DIRECT_XIP)
    manifest = made.manifest(FIRST_SEQUENCE)
    manifest = replace(manifest, procedure=replace(manifest.procedure, least_charge_permille=400))
    agent = node(made)
    offered(agent, manifest)
    operations = agent.flash.operations
    content = made.payload[: manifest.transport.fragment_bytes]
    agent.fragment(0, content, charge_permille=399)
    assert (agent.flash.operations, 0 in agent.missing) == (operations, True)
    agent.fragment(0, content, charge_permille=400)
    assert (agent.flash.operations, 0 in agent.missing) == (operations + 1, False)


def test_an_offer_is_held_against_charge_and_time_of_the_moment() -> None:
    made = made_for(NRF, Mode.DIRECT_XIP)
    manifest = made.manifest(FIRST_SEQUENCE)
    manifest = replace(
        manifest,
        procedure=replace(manifest.procedure, least_charge_permille=400),
        envelope=replace(manifest.envelope, expires_s=1000),
    )
    agent, envelope = node(made), sign_manifest(manifest, OWNER)
    reasons = [refusal.reason for refusal in agent.offer(envelope, charge_permille=399, now_s=1000)]
    assert reasons == [Reason.EXPIRED, Reason.CHARGE]
    assert [refusal.reason for refusal in agent.offer(envelope)] == [Reason.EXPIRED]
    assert agent.offer(envelope, charge_permille=400, now_s=999) == ()


def test_an_update_that_is_cancelled_leaves_the_old_content_and_may_come_again() -> None:
    made = made_for(NRF, Mode.DIRECT_XIP)
    agent = node(made)
    manifest = made.manifest(FIRST_SEQUENCE)
    offered(agent, manifest)
    send(agent, manifest, made.payload, 5)
    agent.cancel()
    agent = restarted(agent)
    assert (agent.state, running(agent)) == (State.IDLE, sha256(made.old).digest())
    offered(agent, manifest)


@pytest.mark.parametrize("mode", [Mode.DIRECT_XIP, Mode.SWAP_SCRATCH, Mode.OVERWRITE])
def test_a_worn_out_slot_ends_the_update_and_the_old_content_runs(mode: Mode) -> None:
    made = made_for(NRF, mode)
    flash = made.factory.copy()
    for index in made.layout.geometry.spanned(made.layout.secondary.start, made.layout.secondary.size_bytes):
        flash.wear[index] = made.layout.geometry.endurance
    agent = node(made, flash)
    offered(agent, made.manifest(FIRST_SEQUENCE))
    assert (agent.state, agent.is_worn) == (State.IDLE, True)
    assert running(restarted(agent)) == sha256(made.old).digest()


@pytest.mark.parametrize("mode", [Mode.SWAP_SCRATCH, Mode.SWAP_MOVE, Mode.SWAP_OFFSET])
def test_a_bit_that_flips_before_the_swap_stops_it(mode: Mode) -> None:
    made = made_for(NRF, mode)
    agent = node(made)
    manifest = made.manifest(FIRST_SEQUENCE)
    offered(agent, manifest)
    send(agent, manifest, made.payload)
    agent.flash.flip(made.layout.download(made.layout.primary) + 1000, 4)
    agent = restarted(agent)
    assert (agent.state, running(agent)) == (State.IDLE, sha256(made.old).digest())


def test_a_bit_that_flips_in_the_running_slot_leaves_the_other_one() -> None:
    """Two slots: the newest valid one runs, so the old one comes back, if its counter still counts."""
    made = made_for(NRF, Mode.DIRECT_XIP)
    manifest = replace(
        made.manifest(FIRST_SEQUENCE), ordering=replace(made.manifest(FIRST_SEQUENCE).ordering, security_counter=1)
    )
    agent = node(made)
    offered(agent, manifest)
    send(agent, manifest, made.payload)
    agent = restarted(agent)
    agent.judge(healthy=True)
    agent.flash.flip(made.layout.secondary.start + 1000, 4)
    assert running(restarted(agent)) == sha256(made.old).digest()


def test_a_hundred_kilobytes_in_the_fragments_of_the_slowest_radio_are_recorded_32_times() -> None:
    """2084 fragments of 48 B, as LoRaWAN's lowest data rate takes them."""
    made = made_for("stm32u585", Mode.DIRECT_XIP, sectors=13)
    content = (made.new * 2)[:100_000]
    manifest = made.manifest(FIRST_SEQUENCE, content)
    manifest = replace(manifest, transport=replace(manifest.transport, fragment_bytes=48, fragments=2084))
    agent = node(made)
    offered(agent, manifest)
    before = agent.journal.record.number
    send(agent, manifest, content)
    assert agent.journal.record.number - before == 32 + 1
    assert running(restarted(agent)) == sha256(content).digest()
