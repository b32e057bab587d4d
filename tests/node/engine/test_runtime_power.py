"""Power lost at every flash operation of rounds, checkpoints and a pushed model leaves old or new."""

from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.node.engine.device import Device
from tests.node.engine.fleet_of_one import STEPS, Server, device_of, simulated_update, small_plan


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(small_plan(), tmp_path_factory.mktemp("power"))


def fresh(device: Device) -> Server:
    device.power_on()
    device.erase()
    device.word("sim_time_ms", 0)
    device.word("sim_operations", 0)
    assert device.start() == 0
    return Server(device)


@dataclass(frozen=True)
class Clean:
    """A run without cuts: what the server got, what the node was like after every turn and how many updates the server
    had then, flash operations."""

    updates: dict[int, bytes]
    states: set[tuple[int, tuple[int, bytes]]]
    last: tuple[int, bytes]
    operations: int


@pytest.fixture(scope="module")
def clean(device: Device) -> Clean:
    server = fresh(device)
    states = {(0, device.condition)}
    device.watch(lambda: states.add((len(server.updates), device.condition)))
    assert server.run()
    device.watch(None)
    return Clean(server.updates, states, device.condition, device.word("sim_operations"))


def test_a_clean_run_gives_three_updates_of_the_simulator_and_ends_with_the_new_model(
    device: Device, clean: Clean
) -> None:
    assert clean.updates == {n: simulated_update(device, n, STEPS * (n - 1)) for n in (1, 2, 3)}
    assert clean.last[0] == 1
    assert device.word("sim_faults") == 0
    assert len({state for _, (number, state) in clean.states if number == 0}) > 5


def without_step(condition: tuple[int, bytes], device: Device) -> tuple[int, bytes]:
    """A node that comes back to its old model goes on counting steps from where the new one was."""
    at = device.plan.state_bytes + device.plan.value_bytes + 16
    return condition[0], condition[1][:at] + condition[1][at + 4 :]


def assert_old_or_new(device: Device, clean: Clean, received: int) -> None:
    """received: updates that the server has. What they were made of is not forgotten, unless it belongs to a trial."""
    known = {without_step(state, device) for had, state in clean.states if had >= min(received, 2) or state[0] == 1}
    assert without_step(device.condition, device) in known, "a mix of old and new, or older than it has to be"


def assert_cut_and_finished(device: Device, clean: Clean, cuts: list[tuple[int, int]]) -> int:
    """Power lost at each of these operations, counted from the restart before; then all goes on. How many models."""
    server = fresh(device)
    for operation, torn in cuts:
        device.cut(operation, torn)
        if server.run():
            break
        device.power_on()
        assert device.start() == 0
        assert_old_or_new(device, clean, len(server.steps_used))
    else:
        assert server.run()
    assert server.updates == {n: simulated_update(device, n, begun) for n, begun in server.begun.items()}, cuts
    assert sorted(server.begun) == [1, 2, 3]
    assert all(b - a >= STEPS for a, b in pairwise(server.steps_used)), (cuts, server.steps_used)
    assert device.number == 1
    assert device.word("sim_faults") == 0
    if server.steps_used == [0, STEPS, 2 * STEPS]:
        assert (server.updates, device.condition) == (clean.updates, clean.last), cuts
    return server.sequence


@pytest.mark.parametrize("torn", [0, 1, 17, 31, 4096, -1, -17, -31, -4000])
def test_power_lost_at_any_flash_operation_leaves_old_or_new(device: Device, clean: Clean, torn: int) -> None:
    """torn: bytes of that operation that still happen. Afterwards the node goes on, and every update that the server
    has is the simulator's, on its own roundings."""
    offers = [assert_cut_and_finished(device, clean, [(n, torn)]) for n in range(1, clean.operations + 1)]
    assert min(offers) == 1
    assert max(offers) > 1


def test_power_may_be_lost_again_while_the_node_recovers(device: Device, clean: Clean) -> None:
    for n in range(1, clean.operations + 1, 3):
        assert assert_cut_and_finished(device, clean, [(n, 9), (1 + n * 7 % 40, -3), (1 + n * 5 % 23, 20)]) >= 1
