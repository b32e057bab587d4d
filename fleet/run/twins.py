"""Which nodes of a scenario are emulated firmware, and the firmware they run."""

from collections.abc import Iterator, Mapping, Sequence

from fleet.base.lazy import in_runs
from fleet.learning.data import Shard
from fleet.node.backend import Backend
from fleet.node.plan import Plan
from fleet.node.plan.ledger import ledger, over
from fleet.node.profile import Profile
from fleet.node.twin.firmware import firmware_image
from fleet.node.twin.image import Image
from fleet.node.twin.node import EmulatedNode
from fleet.run.places import places_on
from fleet.scenario import Scenario


def twin_nodes(scenario: Scenario) -> tuple[int, ...]:
    """Numbers of the nodes that run as emulated firmware: the first `twin` of each group."""
    return tuple(_emulated(scenario))


def _emulated(scenario: Scenario) -> Iterator[int]:
    first = 0
    for group in scenario.fleet:
        yield from range(first, first + group.twin)
        first += group.count


def emulated_backends(
    scenario: Scenario,
    chosen: Sequence[int],
    plan: Plan,
    profiles: Mapping[str, Profile],
    shards: Sequence[Shard],
    beside: Backend,
) -> dict[int, Backend]:
    """A backend for each of the chosen nodes; one image per board, built now. Raises as `firmware_image`.

    An image holds the runtime where it fits the board, else the client alone.

    beside: what every answer of theirs is held against.
    """
    boards = in_runs((group.board, group.count) for group in scenario.fleet)
    images = {}
    for board in dict.fromkeys(boards[node] for node in chosen):
        windows = max(shards[place].train.size for place in places_on(board, scenario.fleet, len(shards)))
        images[board] = board_image(plan, profiles[board], seed=scenario.seed, windows=windows)
    return {
        node: EmulatedNode(image=images[boards[node]], profile=profiles[boards[node]], node=node, beside=beside)
        for node in chosen
    }


def board_image(plan: Plan, profile: Profile, *, seed: int, windows: int) -> Image:
    """The firmware of a board: with the runtime where its slots and buffers fit beside the plan."""
    whole = not over(ledger(plan, profile, windows=windows, runtime=True))
    return firmware_image(plan, profile, seed=seed, windows=windows, runtime=whole)
