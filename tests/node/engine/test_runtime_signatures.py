"""Whose models a node takes: Ed25519 of the description, by the signer that its board names, once and in order."""

from dataclasses import replace

import pytest

from fleet.node.protocol.signature import is_signed, public_key, sign
from fleet.node.wire import messages
from fleet.node.wire.messages import Message
from tests.node.engine.device import Device
from tests.node.engine.fleet_of_one import (
    NODE,
    SECRET,
    SIGNER,
    delivered,
    device_of,
    new_model,
    offer_of,
    restart,
    small_plan,
    told,
)

BAD_FRAME, BAD_SLOT = -5, -10
OTHER = bytes(range(1, 33))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Device:
    return device_of(small_plan(), tmp_path_factory.mktemp("signatures"))


@pytest.fixture
def device(made: Device) -> Device:
    made.trust(SIGNER, is_signed)
    made.erase()
    restart(made)
    return made


def refused(device: Device, offer: Message, status: int = BAD_SLOT) -> bool:
    """Whether an offer is refused for this, and nothing is erased or loading."""
    flash = device.flash
    same = told(device, offer).status == status
    piece = messages.piece(b"any", 0, 3, node=NODE, sequence=offer.base)
    return same and device.flash == flash and told(device, piece).status == -8


@pytest.mark.parametrize("at", range(128))
def test_a_bit_changed_in_what_was_signed_or_in_the_signature_is_refused(device: Device, at: int) -> None:
    offer = offer_of(new_model(device.plan, 1, 9))
    body = bytearray(offer.body)
    body[at] ^= 1 << at % 8
    assert refused(device, replace(offer, body=bytes(body)))


@pytest.mark.parametrize("length", [0, 63, 64, 65, 127, 129, 152])
def test_an_offer_with_less_or_more_than_a_signature_is_refused(device: Device, length: int) -> None:
    offer = offer_of(new_model(device.plan, 1, 9))
    body = (offer.body + bytes(24))[:length]
    assert refused(device, replace(offer, body=body), BAD_FRAME)


def test_a_model_that_somebody_else_signed_is_refused(device: Device) -> None:
    slot = new_model(device.plan, 1, 9)
    assert refused(device, offer_of(slot, secret=OTHER))
    device.trust(public_key(OTHER), is_signed)
    assert refused(device, offer_of(slot))
    assert told(device, offer_of(slot, secret=OTHER)).status == 0


def test_the_signature_of_another_model_is_refused(device: Device) -> None:
    slot = new_model(device.plan, 1, 9)
    for other in (replace(slot, sequence=8), replace(slot, number=2), replace(slot, content=slot.content + b"\0")):
        signature = sign(SECRET, other.description)
        assert refused(device, messages.offer(slot.description, signature, node=NODE))


def test_a_signed_model_is_taken_once_and_no_older_one_after_it(device: Device) -> None:
    five = new_model(device.plan, 1, 5)
    delivered(device, five)
    device.turn()  # starts into it
    restart(device)  # which ends the trial: the node is as before
    assert device.number == 0
    for sequence in (5, 4, 1, 0):
        assert refused(device, offer_of(replace(five, sequence=sequence)))
    assert told(device, offer_of(replace(five, sequence=6))).status == 0


def test_an_interrupted_model_may_come_again_and_other_bytes_under_its_signature_are_found(device: Device) -> None:
    slot = new_model(device.plan, 1, 9)
    lying = bytes([slot.content[0] ^ 1]) + slot.content[1:]
    for _ in range(2):
        assert told(device, offer_of(slot)).status == 0
        pieces = [messages.piece(lying, at, 96, node=NODE, sequence=9) for at in range(0, len(lying), 96)]
        assert [told(device, piece).status for piece in pieces] == [0] * (len(pieces) - 1) + [BAD_SLOT]
        restart(device)
        assert device.number == 0
    delivered(device, slot)
    device.turn()
    assert device.number == 1


def test_without_a_signer_no_model_is_taken(device: Device) -> None:
    device._point("sim_signer", None)
    assert refused(device, offer_of(new_model(device.plan, 1, 9)))


@pytest.mark.parametrize("byte", [0, 0xFF, 7])
def test_a_key_that_nobody_wrote_signs_nothing_whatever_a_library_says(device: Device, byte: int) -> None:
    """Of a key of zeros, a signature of zeros is right for any message: some libraries say so."""
    slot = new_model(device.plan, 1, 9)
    device.trust(bytes([byte] * 32), lambda *_: True)
    assert refused(device, messages.offer(slot.description, bytes(64), node=NODE))


def test_an_answer_of_a_board_that_is_not_one_is_no(device: Device) -> None:
    """As an error code of a library is none."""
    slot = new_model(device.plan, 1, 9)
    for answer in (-1, 2, 0x100):
        device.say(answer)
        assert refused(device, offer_of(slot))
    device.say(1)
    assert told(device, offer_of(slot)).status == 0
