"""Datagrams over a serial line, between the END bytes of SLIP (RFC 1055)."""

from typing import Final

import serial

from fleet.federation.links.fragments import MOST, LinkError

END: Final = 0xC0
ESCAPE: Final = 0xDB
ESCAPED_END: Final = 0xDC
ESCAPED_ESCAPE: Final = 0xDD
BAUD: Final = 115_200
WAIT_S: Final = 0.25


class SerialChannel:
    """One end of a line. A datagram that does not come whole is dropped: its CRC says so."""

    def __init__(self, device: str, *, baud: int = BAUD, wait_s: float = WAIT_S) -> None:
        self._device = device
        self._coming = bytearray()
        try:
            self._port = serial.Serial(device, baud, timeout=wait_s)
        except (OSError, ValueError) as fault:  # SerialException is an OSError
            text = f"expected a serial port, got '{fault}'; check the cable and who may open it"
            raise LinkError(f"serial:{device}: {text}") from fault

    def send(self, datagram: bytes) -> None:
        """Sends one; LinkError when the port is gone."""
        try:
            self._port.write(slip(datagram))
        except OSError as fault:
            raise LinkError(f"serial:{self._device}: expected to write, got '{fault}'; plug it in again") from fault

    def receive(self) -> bytes | None:
        """The next one, or None after a wait without its end; LinkError when the port is gone."""
        while True:
            try:
                read = self._port.read_until(bytes([END]), 2 * MOST + 2)
            except OSError as fault:
                raise LinkError(f"serial:{self._device}: expected to read, got '{fault}'; plug it in again") from fault
            self._coming += read
            if not read.endswith(bytes([END])):
                if len(self._coming) > 2 * MOST:
                    self._coming.clear()
                return None
            datagram = unslip(bytes(self._coming[:-1]))
            self._coming.clear()
            if datagram:
                return datagram

    def close(self) -> None:
        """Closes the port."""
        self._port.close()


def slip(datagram: bytes) -> bytes:
    """A datagram as it goes over the line: an END before it, which ends whatever noise came, and one after."""
    escape, end = bytes([ESCAPE]), bytes([END])
    body = datagram.replace(escape, bytes([ESCAPE, ESCAPED_ESCAPE])).replace(end, bytes([ESCAPE, ESCAPED_END]))
    return end + body + end


def unslip(body: bytes) -> bytes:
    """The datagram between two END bytes; one that was damaged comes out as another."""
    end = body.replace(bytes([ESCAPE, ESCAPED_END]), bytes([END]))
    return end.replace(bytes([ESCAPE, ESCAPED_ESCAPE]), bytes([ESCAPE]))
