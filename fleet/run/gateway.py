"""Real, emulated and simulated nodes of a scenario, joined to the SuperLink of a Flower federation."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from threading import Event, Thread
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.base.rng import Stream
from fleet.federation.client_app import Answering, Gateway
from fleet.federation.links.keys import new_key
from fleet.federation.links.link import Channel, Link
from fleet.federation.links.remote import RemoteNode
from fleet.federation.links.sealed import Counters, Session, Told
from fleet.federation.links.serial_line import SerialChannel
from fleet.federation.links.served import BoardNode
from fleet.federation.links.udp import WAIT_S, gateway_end, node_end
from fleet.federation.server_app import strategy_of
from fleet.federation.supernode import Bridge, SuperLink
from fleet.learning.client import Client
from fleet.learning.orders import sample_order
from fleet.node.backend import EngineBackend
from fleet.node.model.graph import Int8
from fleet.node.plan.slots import slots_of
from fleet.node.profile import Profile
from fleet.node.twin.firmware import firmware_image, project_image
from fleet.node.twin.image import Image
from fleet.node.twin.kept import KeptFlash, kept_flash
from fleet.node.twin.mailbox import Board
from fleet.node.wire.seal import BY_SERVER
from fleet.run.assemble import Drafted, drafted
from fleet.run.prepare import softmax_classes
from fleet.scenario import Scenario, round_rate

LOOPBACK: Final = "127.0.0.1"


class Kind(StrEnum):
    """What a node is."""

    UDP = "udp"
    SERIAL = "serial"
    EMULATED = "emulated"
    SIMULATED = "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a node is. host, port: of udp. device, baud: of serial."""

    kind: Kind
    host: str = ""
    port: int = 0
    device: str = ""
    baud: int = 0

    def __str__(self) -> str:
        match self.kind:
            case Kind.UDP:
                return f"udp:{self.host}:{self.port}"
            case Kind.SERIAL:
                return f"serial:{self.device}"
            case _:
                return self.kind.value


@dataclass(slots=True, kw_only=True)
class Party:
    """A scenario's nodes from `first` on, by where they are. keys: of those at a link. waits: as RemoteNode's.

    counters: of the keys; None where no node needs one. told: of everything that happens. stop: ends all waiting.
    """

    scenario: Scenario
    draft: Drafted
    places: Sequence[Place]
    first: int
    keys: Mapping[int, bytes]
    counters: Counters | None
    waits: int
    told: Told
    stop: Event = field(default_factory=Event)
    _threads: list[Thread] = field(default_factory=list, init=False)
    _fresh: dict[int, bytes] = field(default_factory=dict, init=False)

    def check(self) -> None:
        """InputError for nodes that the scenario has not, or that have no key."""
        faults = []
        last = self.first + len(self.places) - 1
        if last >= self.scenario.nodes:
            most = self.scenario.nodes - 1
            faults.append(
                Fault("--nodes", f"expected nodes up to {most}, got up to {last}; name fewer, or lower --first")
            )
        for node, place in self.numbered():
            if place.kind in (Kind.UDP, Kind.SERIAL) and node not in self.keys:
                text = f"expected a key of node {node}, which is at {place}, got none; add a line to the file"
                faults.append(Fault("--keys", text))
        if faults:
            raise InputError(faults)

    def numbered(self) -> Iterator[tuple[int, Place]]:
        """Nodes and their places."""
        return enumerate(self.places, self.first)

    def nodes(self) -> dict[int, Answering]:
        """Each node, ready to be asked. close() ends those that run here."""
        chosen = [node for node, place in self.numbered() if place.kind is Kind.EMULATED]
        self._fresh = {node: new_key() for node in chosen}  # which nobody else has
        boards = boards_of(self.scenario, self.draft, self._fresh)
        engine = EngineBackend(self.draft.plan)
        found: dict[int, Answering] = {}
        for node, place in self.numbered():
            if place.kind in (Kind.UDP, Kind.SERIAL):
                found[node] = self._remote(node, place)
            elif place.kind is Kind.EMULATED:
                found[node] = self._beside(node, boards[node])
            else:
                found[node] = Client(shard=self.draft.data.shards[node], backend=engine, seed=self.scenario.seed)
        return found

    def close(self) -> None:
        """Ends the nodes that run here."""
        self.stop.set()
        for thread in self._threads:
            thread.join()

    def _remote(self, node: int, place: Place) -> RemoteNode:
        channel: Channel
        if place.kind is Kind.UDP:
            channel = gateway_end(place.host, place.port)
        else:
            channel = SerialChannel(place.device, baud=place.baud)
        assert self.counters is not None  # check() has found its key in the same file
        return self._at(node, str(place), channel, self.keys[node], self.counters.of(node, BY_SERVER))

    def _beside(self, node: int, board: Board) -> RemoteNode:
        """An emulated node behind a UDP socket of this process."""
        end = node_end(LOOPBACK, 0)
        served = board_node(self.scenario, self.draft, node, board, end, self.told)
        thread = Thread(target=served.serve, args=(self.stop,), name=f"node {node}")
        thread.start()
        self._threads.append(thread)
        host, port = end.address
        channel, key = gateway_end(host, port), self._fresh[node]
        return self._at(node, f"emulated:{host}:{port}", channel, key, iter(range(2, 2**64, 2)))

    def _at(self, node: int, place: str, channel: Channel, key: bytes, counters: Iterator[int]) -> RemoteNode:
        name = f"node {node} at {place}"
        session = Session(Link(channel), key, counters, ours=BY_SERVER, place=name, told=self.told)
        return RemoteNode(
            session=session, layout=self.draft.plan.layout, place=name, waits=self.waits,
            told=self.told, leaving=self.stop,
        )  # fmt: skip


def join(party: Party, superlink: SuperLink, *, jobs: int, once: bool) -> None:
    """Takes part in the federation of a SuperLink until the party is told to stop; with `once` until a run is over."""
    party.check()
    superlink.check()
    with _open(party) as nodes, ThreadPoolExecutor(jobs) as pool:
        bridge = Bridge(
            superlink=superlink, gateway=_gateway(party, nodes), numbers=tuple(nodes), pool=pool, told=party.told,
            partitions=party.scenario.nodes,
        )  # fmt: skip
        bridge.run(party.stop, once=once)


@contextmanager
def _open(party: Party) -> Iterator[dict[int, Answering]]:
    nodes: dict[int, Answering] = {}
    try:
        nodes.update(party.nodes())
        yield nodes
    finally:
        party.close()
        for node in nodes.values():
            if isinstance(node, RemoteNode):
                node.close()


def _gateway(party: Party, nodes: dict[int, Answering]) -> Gateway:
    scenario, draft = party.scenario, party.draft
    layout = draft.plan.layout
    _, form = strategy_of(scenario.server.strategy, draft.graph, layout, scenario.nodes, lambda *_: None)
    return Gateway(
        clients=nodes,
        own=softmax_classes(scenario, draft.data.shards, draft.graph.classes),
        form=form,
        layout=layout,
        answer=lambda _number, _node, compute: compute(),
        rate=lambda number, asked: round_rate(scenario, number, asked),
    )


def party_of(
    scenario: Scenario,
    places: Sequence[Place],
    *,
    first: int,
    keys: Mapping[int, bytes],
    counters: Counters | None,
    waits: int,
    told: Told,
    stop: Event,
) -> Party:
    """The nodes of a scenario at these places; nothing runs yet."""
    return Party(
        scenario=scenario, draft=drafted(scenario), places=places, first=first, keys=keys, counters=counters,
        waits=waits, told=told, stop=stop,
    )  # fmt: skip


def serve(
    scenario: Scenario,
    node: int,
    at: Place,
    *,
    keys: Mapping[int, bytes],
    told: Told,
    stop: Event,
    project: Path | None = None,
    flash: Path | None = None,
) -> None:
    """Is an emulated node of a scenario, at an address of this machine, until it is told to stop.

    project: the firmware, an export of this scenario with the runtime; None for one made now. flash: a file in which it
    remembers counters, steps, values and pushed models over a restart; without one it begins as a new board does, which
    a gateway that has heard it before refuses.
    """
    if not 0 <= node < scenario.nodes:
        raise InputError.one("--node", f"expected 0 to {scenario.nodes - 1}, got {node}; name a node of the scenario")
    if node not in keys:
        raise InputError.one("--keys", f"expected a key of node {node}, got none; add a line to the file")
    draft = drafted(scenario)
    image, profile = _firmware(scenario, draft, node, project)
    kept = None if flash is None else kept_flash(flash, slots_of(draft.plan, profile), node)
    board = Board(image, profile, draft.plan, node, keys[node], flash=b"" if kept is None else kept.content)
    channel: Channel = node_end(at.host, at.port) if at.kind is Kind.UDP else SerialChannel(at.device, baud=at.baud)
    told(f"node {node} of {scenario.name} at {at}")
    board_node(scenario, draft, node, board, channel, told, kept).serve(stop)


def _firmware(scenario: Scenario, draft: Drafted, node: int, project: Path | None) -> tuple[Image, Profile]:
    if project is not None:
        return project_image(project, draft.plan, seed=scenario.seed)
    kind = _kinds(scenario)[node]
    return _images(scenario, draft, [kind])[kind], draft.profiles[kind]


def _kinds(scenario: Scenario) -> list[str]:
    """The board of each node."""
    return [group.board for group in scenario.fleet for _ in range(group.count)]


def _images(scenario: Scenario, draft: Drafted, kinds: Iterable[str]) -> dict[str, Image]:
    """One image per kind of board, built now."""
    return {
        kind: firmware_image(
            draft.plan, draft.profiles[kind], seed=scenario.seed, windows=draft.data.most_windows, runtime=True
        )
        for kind in dict.fromkeys(kinds)
    }


def boards_of(scenario: Scenario, draft: Drafted, keys: Mapping[int, bytes]) -> dict[int, Board]:
    """An emulated board, just switched on, for each of these nodes."""
    kinds = _kinds(scenario)
    images = _images(scenario, draft, (kinds[node] for node in keys))
    return {
        node: Board(images[kinds[node]], draft.profiles[kinds[node]], draft.plan, node, key)
        for node, key in keys.items()
    }


def board_node(
    scenario: Scenario, draft: Drafted, node: int, board: Board, channel: Channel, told: Told,
    kept: KeptFlash | None = None,
) -> BoardNode:  # fmt: skip
    """A board at a channel, with the node's windows in the order of the simulation. kept: as BoardNode's."""
    train = draft.data.shards[node].train

    def sample(step: int) -> tuple[Int8, int]:
        (i,) = sample_order(scenario.seed, Stream.ORDER, node, train.size, step, 1).tolist()
        return train.x[i], int(train.y[i])

    return BoardNode(
        board=board, link=Link(channel), sample=sample, windows=train.size, wait_ms=round(1000 * WAIT_S), told=told,
        kept=kept,
    )  # fmt: skip
