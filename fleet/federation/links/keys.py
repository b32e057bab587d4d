"""New keys. Nothing that a run computes depends on one."""

import secrets

from fleet.node.wire.seal import KEY_BYTES


def new_key() -> bytes:
    """KEY_BYTES that nobody can guess."""
    return secrets.token_bytes(KEY_BYTES)


def key_lines(nodes: int, first: int = 0) -> str:
    """A file of keys, as `read_keys` takes it."""
    return "".join(f"{node} {new_key().hex()}\n" for node in range(first, first + nodes))
