"""The node's side of updates: takes offers and fragments, asks the bootloader, confirms or gives up. The table decides.

    agent = Agent(flash, layout, facts, keys)
    booted = agent.start()                    after every reset: bootloader, then what the journal says
    agent.offer(envelope)                     () or the refusals; agent.missing: what it wants
    agent.fragment(number, bytes)             agent.wants_restart when it is time to start again
    agent.judge(healthy=True)                 ends the trial

No clock and no radio: who drives it brings frames, and takes time and energy from the flash's counters. The power may
go at any operation (PowerCut); then only the flash is left, and another Agent starts from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fleet.base.errors import Fault
from fleet.node.flash import Flash, WornOut
from fleet.node.protocol.admission import (
    ENVELOPE_BYTES,
    NodeFacts,
    Reason,
    Refusal,
    Refused,
    payload_refusals,
    read_envelope,
    refusals,
)
from fleet.node.protocol.manifest import Format, Manifest
from fleet.node.protocol.ota.bootloader import Booted, boot
from fleet.node.protocol.ota.content import Trust, envelope_at
from fleet.node.protocol.ota.journal import BITMAP_BYTES, MOST_FRAGMENTS, Journal
from fleet.node.protocol.ota.mcuboot import Mode, Trailer
from fleet.node.protocol.ota.places import Layout, swaps
from fleet.node.protocol.ota.table import Action, Event, State, react
from fleet.node.protocol.ota.trailer import End

PERSIST_EVERY: Final = 8
PERSIST_PARTS: Final = 32
"""Fragments between two records of what is there: 8, or a 32nd of them, since a record may be longer than they are."""

ATTEMPTS: Final = 2
"""How often content is given to the bootloader: a cut between asking and starting costs no update."""


class Agent:
    """One node between two resets. state: of the update. wants_restart: the bootloader has something to do."""

    def __init__(self, flash: Flash, layout: Layout, facts: NodeFacts, keys: Mapping[bytes, bytes]) -> None:
        self.flash, self.layout, self.template, self.keys = flash, layout, facts, keys
        self.state = State.IDLE
        self.wants_restart = False
        self.is_worn = False
        self._unsaved = 0
        self._arrived = (0, b"")
        self._manifest: Manifest | None = None
        self._envelope = b""

    def start(self) -> Booted:
        """Boots, and goes on with what was in work."""
        self.journal = Journal(self.flash, self.layout.journal)
        self.record = self.journal.record
        self.booted = boot(self.flash, self.layout, Trust(self.keys, self.record.security_counter))
        self.state = State(self.record.state)
        self.wants_restart = False
        if self.state is not State.IDLE:
            self._resume()
        return self.booted

    @property
    def facts(self) -> NodeFacts:
        """What an offer is held against now, but for charge and time."""
        running = self.booted.manifest
        changes: dict[str, Any] = {}
        if running is not None:
            changes = {"version": running.ordering.version, "digest": running.payload.installed_digest}
        return replace(
            self.template,
            sequence=max(self.record.sequence, running.ordering.sequence if running else 0),
            security_counter=self.record.security_counter,
            slot_bytes=self.layout.room_bytes,
            sector_bytes=self.layout.sector_bytes,
            once_bytes=self.layout.geometry.once_bytes,
            most_fragments=MOST_FRAGMENTS,
            can_revert=self.layout.mode is Mode.DIRECT_XIP or swaps(self.layout.mode),
            formats=(Format.DELTA_IN_PLACE,) if self.layout.mode is Mode.IN_PLACE else (Format.FULL,),
            **changes,
        )

    @property
    def missing(self) -> tuple[int, ...]:
        """Fragments that are not there yet."""
        return tuple(n for n in range(self.record.fragments) if not self.record.has(n))

    def offer(self, envelope: bytes, *, charge_permille: int = 1000, now_s: int | None = None) -> tuple[Refusal, ...]:
        """A manifest came. () if its fragments are wanted; else what speaks against it, and nothing has changed.

        charge_permille: of the battery. now_s: seconds since 1970, None for a node that does not know.
        """
        if self.state is State.DOWNLOAD and envelope == self._envelope:
            self._happens(Event.AGAIN)
            return ()
        if self.state not in (State.IDLE, State.DOWNLOAD):
            return (BUSY,)
        self._happens(Event.OFFER)
        try:
            manifest = read_envelope(envelope, self.keys)
            found = refusals(manifest, replace(self.facts, charge_permille=charge_permille, now_s=now_s))
        except Refused as refused:
            found = refused.refusals
        if found:
            self._happens(Event.REFUSED)
            return found
        self._manifest, self._envelope = manifest, envelope
        self._happens(Event.ADMITTED)
        return ()

    def fragment(self, number: int, content: bytes, charge_permille: int = 1000) -> None:
        """A fragment came; one that is there, or of another size, is passed over."""
        if self.state is not State.DOWNLOAD or self._manifest is None:
            return
        if charge_permille < self._manifest.procedure.least_charge_permille:
            self._happens(Event.LOW)
            return
        transport, size = self._manifest.transport, self._manifest.payload.size_bytes
        if not 0 <= number < transport.fragments or self.record.has(number):
            return
        if len(content) == min(transport.fragment_bytes, size - number * transport.fragment_bytes):
            self._arrived = (number, content)
            self._happens(Event.FRAGMENT)
        if self.state is State.DOWNLOAD and not self.missing:
            self._happens(Event.COMPLETE)

    def judge(self, *, healthy: bool) -> None:
        """The new content passed its test, or did not."""
        self._happens(Event.HEALTHY if healthy else Event.UNHEALTHY)

    def late(self) -> None:
        """Nobody confirmed in time."""
        self._happens(Event.LATE)

    def cancel(self) -> None:
        """The server takes its offer back."""
        self._happens(Event.CANCEL)

    def _happens(self, event: Event) -> None:
        self.state, action = react(self.state, event)
        work = self._works().get(action)
        if work is None:
            return
        try:
            work()
        except WornOut:
            self.is_worn = True
            self._happens(Event.WORN)

    def _works(self) -> dict[Action, Callable[[], None]]:
        return {
            Action.PREPARE: self._prepare,
            Action.STORE: self._store,
            Action.VERIFY: self._verify,
            Action.ASK: self._ask,
            Action.TRY: self._try,
            Action.CONFIRM: self._confirm,
            Action.BUMP: self._bump,
            Action.ROLL_BACK: self._roll_back,
            Action.FORGET: self._forget,
        }

    @property
    def _runs_new(self) -> bool:
        running = self.booted.manifest
        return running is not None and running.ordering.sequence == self.record.in_work

    @property
    def _target(self) -> int:
        return self.layout.download(self.booted.slot)

    def _save(self, **changes: Any) -> None:
        self.record = replace(self.record, **changes)
        self.journal.save(self.record)
        self._unsaved = 0

    def _resume(self) -> None:
        """The journal says that an update is in work; the bootloader has done its part."""
        if self._runs_new:
            self.state = State.INSTALL if self.booted.is_trial else State.TEST_BOOT
            self._happens(Event.INSTALLED if self.booted.is_trial else Event.HEALTHY)
            return
        self._envelope = self.flash.read(self._target, ENVELOPE_BYTES)
        self._manifest = envelope_at(self.flash, self._target, self.keys)
        is_there = self._manifest is not None and self._manifest.ordering.sequence == self.record.in_work
        if self.state is State.TEST_BOOT:
            self._happens(Event.RESTART)
        elif self.state is State.DOWNLOAD and is_there:
            self._go_on()
        elif self.state is State.DOWNLOAD:
            self._happens(Event.CANCEL)
        else:
            again = is_there and self.record.attempts < ATTEMPTS and self._is_intact()
            self._happens(Event.INTACT if again else Event.NOT_INSTALLED)

    def _go_on(self) -> None:
        if not self.missing:
            self._happens(Event.COMPLETE)

    def _prepare(self) -> None:
        """Erases what the content goes over; the manifest first, then the journal knows of it."""
        assert self._manifest is not None
        slot = self.layout.secondary if self.layout.mode is not Mode.DIRECT_XIP else self.layout.other(self.booted.slot)
        self.flash.erase(slot.start, slot.size_bytes)
        self.flash.program(self._target, self._envelope)
        self._save(
            state=State.DOWNLOAD,
            in_work=self._manifest.ordering.sequence,
            fragments=self._manifest.transport.fragments,
            attempts=0,
            bitmap=bytes(BITMAP_BYTES),
        )

    def _store(self) -> None:
        """Puts a fragment in its place, erase unit by erase unit."""
        assert self._manifest is not None
        number, content = self._arrived
        geometry = self.flash.geometry
        content = content.ljust(-(-len(content) // geometry.once_bytes) * geometry.once_bytes, b"\xff")
        at = self._target + ENVELOPE_BYTES + number * self._manifest.transport.fragment_bytes
        for index in geometry.spanned(at, len(content)):
            unit = geometry.units[index]
            first, last = max(at, unit.start), min(at + len(content), unit.end)
            self._put(first, content[first - at : last - at])
        self.record = self.record.marked(number, True)
        self._unsaved += 1
        if self._unsaved >= max(PERSIST_EVERY, self.record.fragments // PERSIST_PARTS):
            self._save()

    def _put(self, at: int, content: bytes) -> None:
        """Programs what is not there yet. Where a cut left anything else, its unit is erased first."""
        once = self.flash.geometry.once_bytes
        there = self.flash.read(at, len(content))
        blank, parts = b"\xff" * once, range(0, len(content), once)
        open_parts = [i for i in parts if there[i : i + once] != content[i : i + once]]
        if any(there[i : i + once] != blank for i in open_parts):
            self._clean(at, len(content))
            open_parts = list(parts)
        if open_parts:
            first, last = open_parts[0], open_parts[-1] + once
            if last - first == once * len(open_parts):
                self.flash.program(at + first, content[first:last])
            else:
                for i in open_parts:
                    self.flash.program(at + i, content[i : i + once])

    def _clean(self, at: int, size_bytes: int) -> None:
        """Erases the units of some bytes; the fragments in them are asked for again, which the journal knows first."""
        assert self._manifest is not None
        geometry, size = self.flash.geometry, self._manifest.transport.fragment_bytes
        units = geometry.spanned(at, size_bytes)
        start, end = geometry.units[units[0]].start, geometry.units[units[-1]].end
        first = self._target + ENVELOPE_BYTES
        for number in range(self.record.fragments):
            if first + number * size < end and first + (number + 1) * size > start:
                self.record = self.record.marked(number, False)
        self._save()
        self.flash.erase(start, end - start)
        if start < first:
            kept = max(0, start - self._target)
            self.flash.program(max(start, self._target), self._envelope[kept : end - self._target])

    def _is_intact(self) -> bool:
        assert self._manifest is not None
        payload = self.flash.read(self._target + ENVELOPE_BYTES, self._manifest.payload.size_bytes)
        return not payload_refusals(self._manifest, payload)

    def _verify(self) -> None:
        self._happens(Event.INTACT if self._is_intact() else Event.BROKEN)

    def _ask(self) -> None:
        """From here on the sequence is used up. In two slots the digest is what the bootloader goes by."""
        assert self._manifest is not None
        self._save(state=State.INSTALL, attempts=self.record.attempts + 1, sequence=self._highest(self._manifest))
        if self.layout.mode is not Mode.DIRECT_XIP:
            end = End(self.flash, self.layout, self.layout.secondary)
            if end.read() != Trailer():
                end.clear()
            end.ask(permanent=not self._manifest.procedure.test_boot)
        self.wants_restart = True

    def _highest(self, manifest: Manifest) -> int:
        return max(self.record.sequence, manifest.ordering.sequence)

    def _try(self) -> None:
        assert self.booted.manifest is not None
        self._save(state=State.TEST_BOOT, sequence=self._highest(self.booted.manifest))

    def _confirm(self) -> None:
        done = not self.booted.is_trial or End(self.flash, self.layout, self.booted.slot).confirm()
        self._happens(Event.DONE if done else Event.BROKEN)

    def _bump(self) -> None:
        """Only what is confirmed raises the counter: before, the old content must be able to come back."""
        running = self.booted.manifest
        assert running is not None
        counter = max(self.record.security_counter, running.ordering.security_counter)
        self._save(state=State.IDLE, in_work=0, security_counter=counter, sequence=self._highest(running))

    def _roll_back(self) -> None:
        """The bootloader does it, at the next start; after that one it is done."""
        if self._runs_new:
            self.wants_restart = True
        else:
            self._happens(Event.DONE)

    def _forget(self) -> None:
        """No update is in work. In two slots what came whole would run at the next start: it goes."""
        if self.layout.mode is Mode.DIRECT_XIP and not self.is_worn:
            unit = self.flash.geometry.units[self.flash.geometry.index(self._target)]
            if self.flash.read(self._target, ENVELOPE_BYTES).count(0xFF) != ENVELOPE_BYTES:
                self.flash.erase(unit.start, unit.size_bytes)
        self._manifest, self._envelope = None, b""
        self._save(state=State.IDLE, in_work=0)


BUSY: Final = Refusal(Reason.BUSY, Fault("node", "expected no update in work, got one; wait until it is over"))
