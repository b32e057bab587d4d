"""CoAP blocks: how a message is cut, and how long a lost exchange is waited for.

Source: RFC 7959 (block-wise transfer: sizes 16 to 1024) and RFC 7252, 4.8 (transmission parameters).
"""

from typing import Final

BLOCKS: Final = (16, 32, 64, 128, 256, 512, 1024)
HEADER_OCTETS: Final = 4 + 2 + 3 + 3 + 1  # modelled: header, token, Uri-Path, Block option, payload marker
ANSWER_OCTETS: Final = 4 + 2 + 3  # modelled: header, token, Block option
ACK_TIMEOUT_US: Final = 2_000_000
RANDOM_US: Final = ACK_TIMEOUT_US // 2  # ACK_RANDOM_FACTOR 1.5
MAX_RETRANSMIT: Final = 4


def blocks(payload_bytes: int, block_bytes: int) -> list[int]:
    """Payload bytes of each block of a message, in order; an empty message is one empty block."""
    full, rest = divmod(payload_bytes, block_bytes)
    return [block_bytes] * full + ([rest] if rest or not full else [])
