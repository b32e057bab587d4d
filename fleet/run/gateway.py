"""Real, emulated and simulated nodes of a scenario, joined to the SuperLink of a Flower federation."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Event, Thread
from typing import Final

from fleet.base.errors import Fault, InputError
from fleet.federation.client_app import Answering, Gateway
from fleet.federation.links.keys import new_key
from fleet.federation.links.link import Channel, Link
from fleet.federation.links.remote import RemoteNode
from fleet.federation.links.sealed import Counters, Session, Told
from fleet.federation.links.serial_line import SerialChannel
from fleet.federation.links.served import ServedNode
from fleet.federation.links.udp import gateway_end, node_end
from fleet.federation.server_app import strategy_of
from fleet.federation.supernode import Bridge, SuperLink
from fleet.learning.client import Client
from fleet.node.backend import EngineBackend
from fleet.node.wire.seal import BY_NODE, BY_SERVER
from fleet.run.assemble import Drafted, drafted
from fleet.run.prepare import softmax_classes
from fleet.run.twins import emulated_backends
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
        engine = EngineBackend(self.draft.plan)
        chosen = [node for node, place in self.numbered() if place.kind is Kind.EMULATED]
        backends = emulated_backends(
            self.scenario, chosen, self.draft.plan, self.draft.profiles, self.draft.data.shards, engine
        )
        found: dict[int, Answering] = {}
        for node, place in self.numbered():
            if place.kind in (Kind.UDP, Kind.SERIAL):
                found[node] = self._remote(node, place)
                continue
            shard = self.draft.data.shards[node]
            client = Client(shard=shard, backend=backends.get(node, engine), seed=self.scenario.seed)
            found[node] = self._beside(node, client) if place.kind is Kind.EMULATED else client
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

    def _beside(self, node: int, client: Client) -> RemoteNode:
        """An emulated node behind a UDP socket of this process, with a key that nobody else has."""
        key, end = new_key(), node_end(LOOPBACK, 0)
        counters = iter(range(BY_NODE, 2**64, 2))
        session = Session(Link(end), key, counters, ours=BY_NODE, place=f"node {node}", told=self.told)
        served = ServedNode(number=node, node=client, layout=self.draft.plan.layout, session=session, told=self.told)
        thread = Thread(target=served.serve, args=(self.stop,), name=f"node {node}")
        thread.start()
        self._threads.append(thread)
        host, port = end.address
        return self._at(node, f"emulated:{host}:{port}", gateway_end(host, port), key, iter(range(2, 2**64, 2)))

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
    scenario: Scenario, node: int, at: Place, *, keys: Mapping[int, bytes], counters: Counters, told: Told, stop: Event
) -> None:
    """Is an emulated node of a scenario, at an address of this machine, until it is told to stop.

    It begins as a new board does: with its first step.
    """
    if not 0 <= node < scenario.nodes:
        raise InputError.one("--node", f"expected 0 to {scenario.nodes - 1}, got {node}; name a node of the scenario")
    if node not in keys:
        raise InputError.one("--keys", f"expected a key of node {node}, got none; add a line to the file")
    draft = drafted(scenario)
    shards, engine = draft.data.shards, EngineBackend(draft.plan)
    backend = emulated_backends(scenario, (node,), draft.plan, draft.profiles, shards, engine)[node]
    channel: Channel = node_end(at.host, at.port) if at.kind is Kind.UDP else SerialChannel(at.device, baud=at.baud)
    sent = counters.of(node, BY_NODE)
    session = Session(Link(channel), keys[node], sent, ours=BY_NODE, place=f"node {node}", told=told)
    client = Client(shard=shards[node], backend=backend, seed=scenario.seed)
    told(f"node {node} of {scenario.name} at {at}")
    ServedNode(number=node, node=client, layout=draft.plan.layout, session=session, told=told).serve(stop)
