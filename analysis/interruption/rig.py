"""One node that is updated once, by a server that repeats itself until it is done; the power goes where the sweep says.

Whatever happens, three things are looked at from outside, in the bytes of the flash: what the bootloader starts is the
old content or the new one, whole; nobody who is not trusted gets anything in; and in the end the new content runs,
confirmed, with its security counter.
"""

from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Final

from fleet.base.rng import draws32, key
from fleet.node.flash import Flash, Geometry, PowerCut, geometry_of
from fleet.node.profile import load_profile
from fleet.node.protocol.admission import NodeFacts, key_ring, sign_manifest
from fleet.node.protocol.manifest import (
    Compression,
    Envelope,
    Format,
    Identity,
    Kind,
    Manifest,
    Ordering,
    Payload,
    Placement,
    Precursor,
    Procedure,
    Transport,
    uuid5,
)  # fmt: skip
from fleet.node.protocol.ota import Agent, Booted, Layout, Mode, State, layout_of, manufacture
from fleet.node.protocol.patch import in_place_patch
from fleet.node.protocol.signature import key_id, public_key

OWNER: Final = bytes(range(32))
STRANGER: Final = bytes(range(1, 33))
KEYS: Final = key_ring(public_key(OWNER))
VENDOR: Final = uuid5(bytes(16), "mcufleet")
FIRST_SEQUENCE: Final = 7


class Broken(AssertionError):
    """What the sweep looks for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Setup:
    """A node as it leaves the factory, and what it is to become. payload: what is sent; new: what it installs."""

    layout: Layout
    old: bytes
    new: bytes
    payload: bytes
    kind: Kind
    facts: NodeFacts
    factory: Flash

    @property
    def has_trial(self) -> bool:
        """Whether new content has to be confirmed."""
        return self.layout.mode not in (Mode.IN_PLACE, Mode.OVERWRITE)

    def manifest(self, sequence: int, content: bytes | None = None, *, counter: int = 2) -> Manifest:
        """Of the push, or of other content sent whole."""
        sent, installed = (self.payload, self.new) if content is None else (content, content)
        delta = content is None and self.layout.mode is Mode.IN_PLACE
        size = _fragment_bytes(len(sent), self.layout.geometry.once_bytes)
        return Manifest(
            envelope=Envelope(key_id=key_id(public_key(OWNER))),
            identity=Identity(vendor=VENDOR, device_class=self.facts.device_class, abi=self.facts.abi),
            ordering=Ordering(sequence=sequence, security_counter=counter, version=sequence),
            payload=Payload(
                kind=self.kind,
                format=Format.DELTA_IN_PLACE if delta else Format.FULL,
                compression=Compression.CRLE if delta else Compression.NONE,
                size_bytes=len(sent),
                digest=sha256(sent).digest(),
                installed_bytes=len(installed),
                installed_digest=sha256(installed).digest(),
            ),
            precursor=Precursor(version=1, digest=sha256(self.old).digest()) if delta else Precursor(),
            placement=Placement(flash_bytes=len(installed), sector_bytes=self.layout.sector_bytes if delta else 0),
            transport=Transport(fragment_bytes=size, fragments=-(-len(sent) // size)),
            procedure=Procedure(test_boot=int(self.has_trial)),
        )


def setup(board: str, mode: Mode, kind: Kind = Kind.FIRMWARE, *, sectors: int = 3, scratch_units: int = 1) -> Setup:
    """A node of a board: some erase units of its flash, content of a bit less than so many of them."""
    geometry = _part(board, sectors)
    sector = layout_of(geometry, Mode.DIRECT_XIP, 1).sector_bytes
    room = sectors * sector - (0 if mode is Mode.IN_PLACE else 384)
    layout = layout_of(geometry, mode, room, scratch_units=scratch_units)
    old = _content(1, room * 7 // 8)
    new = _changed(old, room * 15 // 16)
    payload = new
    if mode is Mode.IN_PLACE:
        payload = in_place_patch(old, new, memory_bytes=layout.memory_bytes, segment_bytes=sector)
    facts = NodeFacts(
        vendor=VENDOR,
        device_class=uuid5(VENDOR, board),
        abi=2,
        sram_bytes=2**16,
        flash_bytes=2**20,
        slot_bytes=room,
        sector_bytes=sector,
        once_bytes=geometry.once_bytes,
        free_sram_bytes=2**15,
        sequence=0,
        security_counter=0,
        version=0,
        digest=bytes(32),
        compressions=(Compression.NONE, Compression.CRLE),
    )
    made = Setup(layout=layout, old=old, new=new, payload=payload, kind=kind, facts=facts, factory=Flash(geometry))
    first = replace(made.manifest(FIRST_SEQUENCE - 1, old, counter=1), procedure=Procedure(test_boot=0))
    manufacture(made.factory, layout, sign_manifest(first, OWNER), old)
    made.factory.power_on()
    return made


@cache
def _part(board: str, sectors: int) -> Geometry:
    """The end of the board's flash, or its beginning where the units at the end are too few and large."""
    whole = geometry_of(load_profile(board))
    count = 4 + 2 * (sectors + 6) + 3
    if len(whole.units) >= 2 * count:
        return whole.part(len(whole.units) - count, count)
    return whole.part(0, len(whole.units))


def _content(seed: int, size_bytes: int) -> bytes:
    return draws32(key(seed, 0), 0, -(-size_bytes // 4)).tobytes()[:size_bytes]


def _changed(old: bytes, size_bytes: int) -> bytes:
    """Another image of the same origin: some bytes differ, some moved, some are new."""
    moved = old[: len(old) // 3] + b"new code" * 9 + old[len(old) // 3 :]
    mixed = bytearray(moved[:size_bytes].ljust(size_bytes, b"\x5a"))
    for at in range(0, len(mixed), 997):
        mixed[at] ^= 1
    return bytes(mixed)


def _fragment_bytes(size_bytes: int, once_bytes: int) -> int:
    """Some twenty fragments, the last one shorter."""
    return -(-size_bytes // 20 // once_bytes) * once_bytes + once_bytes


class Server:
    """Pushes one update to one node until the node has it. frames: how many it has sent. cut_frame: the one with which
    the node's power goes, before it is taken. healthy: what the new content says of itself; if not, the old one has to
    come back."""

    def __init__(self, made: Setup, flash: Flash, cut_frame: int | None = None, *, healthy: bool = True) -> None:
        self.made, self.flash, self.cut_frame, self.healthy = made, flash, cut_frame, healthy
        self.was_judged = False
        self.frames = self.starts = 0
        self.sequence = FIRST_SEQUENCE
        self.agent: Agent

    def run(self) -> None:
        """Until the update is over; PowerCut where the sweep says."""
        self.start()
        for _ in range(300):
            if self.agent.wants_restart:
                self.start()
            elif self.agent.state is State.TEST_BOOT:
                self._frame()
                self.was_judged = True
                self.agent.judge(healthy=self.healthy)
            elif self.agent.state is State.DOWNLOAD:
                self._send_missing()
            elif self._is_done():
                return
            else:
                self._offer()
        raise Broken("expected an update to end, got 300 turns of it")

    def start(self) -> None:
        """The node starts."""
        self.starts += 1
        self.agent = Agent(self.flash, self.made.layout, self.made.facts, KEYS)
        booted = self.agent.start()
        check_runs_old_or_new(self.made, self.flash, booted)
        is_new = (
            booted.manifest is not None and booted.manifest.payload.installed_digest == sha256(self.made.new).digest()
        )
        allowed = self.was_judged and self.healthy
        if self.made.has_trial and is_new and not booted.is_trial and not allowed:
            raise Broken("expected new content on trial until it is confirmed, got it for good")

    def _frame(self) -> None:
        self.frames += 1
        if self.frames == self.cut_frame:
            self.flash.is_off = True
            raise PowerCut(f"with frame {self.frames}")

    def _offer(self) -> None:
        """A node that took the sequence already and does not run it wants a new one."""
        self._frame()
        refused = self.agent.offer(_signed(self.made, self.sequence))
        if refused:
            self.sequence += 1
        if self.sequence > FIRST_SEQUENCE + 3:
            raise Broken(f"expected an offer to be taken, got {refused[0].fault}")

    def _send_missing(self) -> None:
        """The agent knows the manifest; fragments that it lacks, in order, with one that it has."""
        size = self.made.manifest(self.sequence).transport.fragment_bytes
        for number in self.agent.missing[:1] + self.agent.missing:
            self._frame()
            self.agent.fragment(number, self.made.payload[number * size : (number + 1) * size])

    def _is_done(self) -> bool:
        """The new content runs; or, when it failed its trial, the old one."""
        return self._runs_new if self.healthy else self.was_judged and not self._runs_new

    @property
    def _runs_new(self) -> bool:
        running = self.agent.booted.manifest
        return running is not None and running.payload.installed_digest == sha256(self.made.new).digest()


def check_runs_old_or_new(made: Setup, flash: Flash, booted: Booted) -> None:
    """What was started is one of the two, byte for byte."""
    if booted.manifest is None:
        raise Broken("expected something to run, got nothing: a brick")
    size = booted.manifest.payload.installed_bytes
    runs = flash.read(booted.slot.start + made.layout.head_bytes, size)
    if runs not in (made.old, made.new):
        raise Broken("expected the old content or the new, got a mix")


def check_strangers(made: Setup, flash: Flash) -> int:
    """Offers of every kind of stranger to a node that starts with this flash; none may be taken or change anything. How
    many."""
    agent = Agent(flash, made.layout, made.facts, KEYS)
    booted = agent.start()
    running = booted.manifest.ordering.sequence if booted.manifest else 0
    before = (bytes(flash.memory), agent.state)
    for envelope in _strangers(made, running):
        if not agent.offer(envelope):
            raise Broken("expected a stranger's offer to be refused, got it taken")
    if (bytes(flash.memory), agent.state) != before:
        raise Broken("expected a refused offer to change nothing, got other flash")
    return len(_strangers(made, running))


@cache
def _strangers(made: Setup, running: int) -> tuple[bytes, ...]:
    """Stale, of the same sequence, of another board, forged, unsigned, changed, cut short, with a lower counter."""
    good = made.manifest(FIRST_SEQUENCE + 9)
    signed = sign_manifest(good, OWNER)
    return (
        sign_manifest(made.manifest(running), OWNER),
        sign_manifest(made.manifest(1), OWNER),
        sign_manifest(replace(good, identity=replace(good.identity, device_class=bytes(16))), OWNER),
        sign_manifest(good, STRANGER),
        good.encode() + bytes(64),
        bytes([*signed[:100], signed[100] ^ 1, *signed[101:]]),
        signed[:-1],
        sign_manifest(replace(good, ordering=replace(good.ordering, security_counter=0)), OWNER),
    )


@cache
def _signed(made: Setup, sequence: int) -> bytes:
    return sign_manifest(made.manifest(sequence), OWNER)


def check_end(made: Setup, flash: Flash, server: Server) -> None:
    """What was meant runs, confirmed, also after another start, and the security counter is that of it."""
    again = Server(made, flash, healthy=server.healthy)
    again.was_judged = server.was_judged
    again.start()
    runs = made.new if server.healthy else made.old
    booted = again.agent.booted
    if booted.is_trial or again.agent.state is not State.IDLE:
        raise Broken("expected the end of the update, got it in work")
    if booted.manifest is None or booted.manifest.payload.installed_digest != sha256(runs).digest():
        raise Broken("expected the update to last over a start, got other content")
    counter = 2 if server.healthy else 1
    if again.agent.record.security_counter != counter:
        raise Broken(f"expected security counter {counter}, got {again.agent.record.security_counter}")
    check_strangers(made, flash)
