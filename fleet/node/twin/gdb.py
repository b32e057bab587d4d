"""GDB's remote protocol, as much of it as running functions of a firmware takes.

Source: GDB manual, appendix E, "Remote Serial Protocol". Packets are `$data#sum`, answered by `+`.
"""

import socket
from typing import Final

from fleet.base.errors import CheckFailed

CHUNK: Final = 1024  # bytes of memory in a packet, in hexadecimal: QEMU's packets hold 4096 characters
INTERRUPT: Final = b"\x03"
ENDED: Final = "emulator: expected it to run on, got the end of its connection; see its messages"


class Remote:
    """A stopped target at the other end of a socket."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._unread = b""
        self.ask("qXfer:features:read:target.xml:0,ffb")  # QEMU gives single registers to those who know their names

    def read(self, address: int, size_bytes: int) -> bytes:
        """Memory; CheckFailed where there is none."""
        parts = []
        for at in range(address, address + size_bytes, CHUNK):
            count = min(CHUNK, address + size_bytes - at)
            said = self.ask(f"m{at:x},{count:x}")
            if said.startswith("E"):
                raise CheckFailed(f"{at:#010x}: expected memory of {count} B, got none; see port/link.ld")
            parts.append(bytes.fromhex(said))
        return b"".join(parts)

    def write(self, address: int, content: bytes) -> None:
        """Sets memory; CheckFailed where there is none."""
        for at in range(0, len(content), CHUNK):
            part = content[at : at + CHUNK]
            if self.ask(f"M{address + at:x},{len(part):x}:{part.hex()}") != "OK":
                text = f"expected memory for {len(part)} B, got none; see port/link.ld"
                raise CheckFailed(f"{address + at:#010x}: {text}")

    def register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}")), "little")

    def set_register(self, number: int, value: int) -> None:
        self._expect_ok(f"P{number:x}={(value & 0xFFFFFFFF).to_bytes(4, 'little').hex()}")

    def stop_at(self, address: int) -> None:
        """A breakpoint on a Thumb instruction."""
        self._expect_ok(f"Z0,{address:x},2")

    def pass_by(self, address: int) -> None:
        """No breakpoint there any more."""
        self._expect_ok(f"z0,{address:x},2")

    def go(self) -> None:
        """Lets the target run; `stopped` tells when it has stopped."""
        self._send(b"c")

    def stopped(self, within_s: float) -> bool:
        """Whether the target has stopped; waits so long for it."""
        self._link.settimeout(within_s)
        try:
            return self._packet()[:1] in (b"S", b"T")
        except TimeoutError:
            return False
        finally:
            self._link.settimeout(None)

    def interrupt(self) -> None:
        """Stops a target that runs."""
        self._put(INTERRUPT)
        self._packet()

    def ask(self, command: str) -> str:
        """The answer to a packet."""
        self._send(command.encode())
        return self._packet().decode()

    def _expect_ok(self, command: str) -> None:
        if (said := self.ask(command)) != "OK":
            raise CheckFailed(f"emulator: expected OK to '{command[:20]}', got '{said}'; install QEMU 7.2 or newer")

    def _send(self, content: bytes) -> None:
        self._put(b"$" + content + b"#%02x" % (sum(content) & 0xFF))

    def _put(self, packet: bytes) -> None:
        """CheckFailed where nobody listens any more: a broken pipe would look like `fleet verify | head`."""
        try:
            self._link.sendall(packet)
        except OSError as fault:
            raise CheckFailed(ENDED) from fault

    def _received(self) -> bytes:
        try:
            return self._link.recv(1 << 16)
        except TimeoutError:
            raise
        except OSError:
            return b""

    def _packet(self) -> bytes:
        """The next packet, confirmed. Confirmations of our own packets lie between them."""
        while (end := self._unread.find(b"#")) < 0 or len(self._unread) < end + 3:
            received = self._received()
            if not received:
                raise CheckFailed(ENDED)
            self._unread += received
        start = self._unread.index(b"$")
        content, self._unread = self._unread[start + 1 : end], self._unread[end + 3 :]
        self._put(b"+")
        return content
