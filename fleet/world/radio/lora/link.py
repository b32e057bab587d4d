"""LoRaWAN in EU868, seen from a node: what one message takes, frame by frame, up or down, in classes A, B and C.

Sources are in `region`; sections are of LoRaWAN 1.0.3. The duty cycle is kept as the off time after each frame, by node
and gateway: a message of many frames is mostly waiting, and `quiet_us` says how long the node stays silent after it.

Up: each frame is followed by both receive windows. Confirmed frames are sent until they are acknowledged; unconfirmed
ones `trials` times (NbTrans). A frame is lost on the path (`channel`) or to frames of others (`collision`).
Down, class A: each fragment is fetched by an empty uplink and comes in the receive window that carries more in the time
that the gateway's duty cycle leaves. Classes B and C: the gateway sends in ping slots, or at once; after each pass the
node says what is missing. `multicast`: one session of class C for the whole group, with parity (TS004).
What classes B and C listen between messages is `standby`.

Modelled: frames of a message carry three bytes more, as TS004 has it. The gateway serves the nodes that share it
(`sharers`) in turn, so each waits for all; acknowledgements beyond its duty cycle are not sent. The set-up of a session
is one exchange in class A. The data rate does not change within a message. What pushes of one round differ in (their
heads, the classes of a node) is left out of a multicast, which is as long as one push. Joining is `join`, ADR in `adr`.
"""

from dataclasses import dataclass
from typing import ClassVar

from fleet.world.radio.link import Direction, Transfer
from fleet.world.radio.lora.session import Session
from fleet.world.radio.lora.setting import LoraSetting


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraLink(LoraSetting):
    """A setting with messages to move."""

    transmit_dbm: ClassVar[int] = 14

    def transfer(self, direction: Direction, payload_bytes: int, key: int, *, at_us: int = 0) -> Transfer:
        """One message up or down, with all its frames, windows and waits."""
        if payload_bytes < 0:
            raise ValueError(f"payload_bytes: expected 0 or more, got {payload_bytes}")
        session = Session(self, key, at_us)
        return session.up(payload_bytes) if direction is Direction.UP else session.down(payload_bytes)

    def join(self, key: int, *, at_us: int = 0) -> Transfer:
        """Joining a network over the air: requests until one is accepted."""
        return Session(self, key, at_us).join()
