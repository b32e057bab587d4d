"""Firmware with the node runtime at the end of a link: sealed frames in and out, through C there and Python here."""

from threading import Event, Thread
from zlib import crc32

import pytest

from fleet.federation.links.fragments import LinkError
from fleet.federation.links.link import Link
from fleet.federation.links.remote import RemoteNode
from fleet.federation.links.sealed import Session
from fleet.federation.links.served import BoardNode
from fleet.federation.links.udp import gateway_end, node_end
from fleet.node.model.fixed import real
from fleet.node.twin.firmware import firmware_image
from fleet.node.twin.image import Image
from fleet.node.twin.mailbox import Board
from fleet.node.wire.frames import Push, encode_push
from fleet.node.wire.seal import BY_SERVER
from fleet.run.assemble import drafted
from fleet.run.gateway import board_node
from tests.federation.links.fakes import End, ends
from tests.run.quickstart import Party

NODE, KEY, OTHER = 3, bytes(range(32)), bytes(32)


@pytest.fixture(scope="module")
def image(party: Party) -> Image:
    return firmware_image(party.plan, party.profiles["nrf52840"], seed=0, runtime=True)


def push(party: Party, number: int) -> bytes:
    own = party.clients[NODE].shard.classes
    asked = Push(node=NODE, round=number, steps=4, rate=real(0.06), own=own, values=party.initial)
    return encode_push(party.plan.layout, asked)


def node(party: Party, image: Image, channel: object, said: list[str]) -> BoardNode:
    board = Board(image, party.profiles["nrf52840"], party.plan, NODE, KEY)
    return board_node(party.scenario, drafted(party.scenario), NODE, board, channel, said.append)  # type: ignore[arg-type]


def remote(party: Party, channel: object, said: list[str], key: bytes = KEY, waits: int = 40) -> RemoteNode:
    counters = iter(range(2, 1000, 2))
    session = Session(Link(channel), key, counters, ours=BY_SERVER, place="node 3", told=said.append)  # type: ignore[arg-type]
    return RemoteNode(
        session=session, layout=party.plan.layout, place="node 3", waits=waits, told=said.append, leaving=Event()
    )  # fmt: skip


def turns(board: BoardNode, ours: RemoteNode, a: End, b: End) -> None:
    """Without threads: the board reads and works whenever the gateway waits."""
    busy: list[int] = []

    def board_turn() -> None:
        if not busy:
            busy.append(1)
            board._take(board.link.receive())
            while board._turn() == 0:
                pass
            busy.clear()

    a.other = board_turn
    b.other = lambda: ours.session._link._next() if a.inbox else None


def test_rounds_of_a_board_are_those_of_the_simulated_node(party: Party, image: Image) -> None:
    a, b = ends()
    said: list[str] = []
    board, ours = node(party, image, b, said), remote(party, a, said)
    turns(board, ours, a, b)
    for number in (1, 2):
        frame = push(party, number)
        assert ours.answer(frame, 0) == party.clients[NODE].answer(frame, 4 * (number - 1))
        a.other()  # the acknowledgement arrives
    assert said == [f"emulated node 3: round {n} is done, its LED toggles (fe_app_round_done)" for n in (1, 2)]


def test_a_board_that_was_in_another_federation_begins_a_new_one(party: Party, image: Image) -> None:
    a, b = ends()
    said: list[str] = []
    board, ours = node(party, image, b, said), remote(party, a, said)
    turns(board, ours, a, b)
    for made, number in ((0, 1), (4, 2), (8, 1)):
        frame = push(party, number)
        assert ours.answer(frame, 0) == party.clients[NODE].answer(frame, made)


def test_a_push_that_the_board_refuses_is_said_so(party: Party, image: Image) -> None:
    a, b = ends()
    board, ours = node(party, image, b, []), remote(party, a, [])
    turns(board, ours, a, b)
    frame = bytearray(push(party, 2))
    frame[20:24] = (1).to_bytes(4, "little")  # a rate that is not in its normal form
    refused = bytes(frame[:-4]) + crc32(frame[:-4]).to_bytes(4, "little")
    with pytest.raises(LinkError, match="node 3: expected it to take a frame of round 2, got BAD_VALUES; export its"):
        ours.answer(refused, 0)


def test_an_update_that_is_lost_is_sent_again_by_the_board_itself(party: Party, image: Image) -> None:
    lost: list[bytes] = []

    def first_update_lost(datagram: bytes) -> list[bytes]:
        if len(datagram) > 100 and len(lost) < 40:  # as often as the board's link tries
            lost.append(datagram)
            return []
        return [datagram]

    a, b = ends(back=first_update_lost)
    said: list[str] = []
    board, ours = node(party, image, b, said), remote(party, a, said)
    turns(board, ours, a, b)
    frame = push(party, 1)
    assert ours.answer(frame, 0) == party.clients[NODE].answer(frame, 0)
    a.other()
    assert board.board.steps_made == 4, "it trained again"
    assert said == [
        f"emulated node 3: nobody took its frame of {len(party.clients[NODE].answer(frame, 0)) + 24:,} bytes",
        "emulated node 3: round 1 is done, its LED toggles (fe_app_round_done)",
    ]


def test_a_board_does_not_hear_a_gateway_with_another_key(party: Party, image: Image) -> None:
    a, b = ends()
    said: list[str] = []
    board, ours = node(party, image, b, said), remote(party, a, said, key=OTHER, waits=2)
    turns(board, ours, a, b)
    with pytest.raises(LinkError, match="got none after 3 pushes that it took; check that its key is this gateway's"):
        ours.answer(push(party, 1), 0)
    assert board.board.steps_made == 0


def test_a_board_serves_on_a_thread_until_it_is_told_to_stop(party: Party, image: Image) -> None:
    end = node_end("127.0.0.1", 0, wait_s=0.05)
    said: list[str] = []
    stop = Event()
    thread = Thread(target=node(party, image, end, said).serve, args=(stop,))
    thread.start()
    ours = remote(party, gateway_end(*end.address, wait_s=0.05), said, waits=400)
    frame = push(party, 1)
    try:
        assert ours.answer(frame, 0) == party.clients[NODE].answer(frame, 0)
    finally:
        stop.set()
        thread.join()
        ours.close()
