"""Keys, counters and seals: only who has the key is heard, once."""

import stat
from pathlib import Path

import pytest

from fleet.base.errors import InputError
from fleet.federation.links import sealed
from fleet.federation.links.keys import key_lines, new_key
from fleet.federation.links.link import Link
from fleet.federation.links.sealed import BLOCK, Counters, Session, read_keys
from fleet.node.wire.seal import BY_NODE, BY_SERVER, KEY_BYTES, seal
from tests.federation.links.fakes import ends

KEY, OTHER = bytes(KEY_BYTES), bytes([1]) * KEY_BYTES


def sessions(node_key: bytes = KEY) -> tuple[Session, Session, list[str]]:
    """A gateway's and a node's, whose links take their turns by themselves; and what they tell."""
    a, b = ends()
    first, second = Link(a), Link(b)
    a.other = lambda: second._next() if b.inbox else None
    b.other = lambda: first._next() if a.inbox else None
    said: list[str] = []
    gateway = Session(first, KEY, iter(range(2, 100, 2)), ours=BY_SERVER, place="node 3", told=said.append)
    node = Session(second, node_key, iter(range(1, 100, 2)), ours=BY_NODE, place="node 3", told=said.append)
    return gateway, node, said


def test_frames_pass_both_ways() -> None:
    gateway, node, said = sessions()
    for text in (b"push", b"again"):
        assert gateway.send(text)
        assert node.receive() == text
        assert node.send(b"update")
        assert gateway.receive() == b"update"
    assert gateway.receive() is None
    assert said == []


def test_a_node_of_another_key_takes_the_push_and_hears_nothing() -> None:
    gateway, node, said = sessions(node_key=OTHER)
    assert gateway.send(b"push")
    assert node.receive() is None
    assert len(said) == 1
    assert said[0].startswith("node 3: frame: expected the seal of this node's key, got another; give both sides")


class Heard:
    """A link on which these frames come."""

    def __init__(self, *frames: bytes) -> None:
        self._frames = list(frames)

    def receive(self, waits: int = 1) -> bytes | None:
        return self._frames.pop(0) if self._frames else None


def test_a_frame_that_was_here_before_is_not_taken_again() -> None:
    frames = [seal(KEY, 2, b"push"), seal(KEY, 4, b"next"), seal(KEY, 2, b"push"), seal(KEY, 3, b"update")]
    said: list[str] = []
    node = Session(Heard(*frames), KEY, iter([]), ours=BY_NODE, place="node 3", told=said.append)  # type: ignore[arg-type]
    assert [node.receive() for _ in range(5)] == [b"push", b"next", None, None, None]
    assert "expected a counter above 4, got 2; it was here before" in said[0]
    assert "it was sent back" in said[1]


def test_counters_never_come_twice_from_one_file(tmp_path: Path) -> None:
    path = tmp_path / "counters"
    first, again = Counters(path), None
    of_3, of_9 = first.of(3, BY_SERVER), first.of(9, BY_NODE)
    assert [next(of_3), next(of_3), next(of_9)] == [2, 4, 3]
    again = Counters(path)  # after a crash
    assert next(again.of(3, BY_SERVER)) == BLOCK + 2
    assert next(again.of(9, BY_NODE)) == BLOCK + 3
    assert path.read_text() == f"3 {2 * BLOCK + 2}\n9 {2 * BLOCK + 2}\n"


def test_a_block_of_counters_that_is_used_up_is_followed_by_another(tmp_path: Path) -> None:
    counters = Counters(tmp_path / "counters").of(0, BY_SERVER)
    assert [next(counters) for _ in range(BLOCK // 2 + 1)][-1] == BLOCK + 2


def test_a_file_of_counters_is_written_by_one_thread_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are talked to on several threads: what one has taken must not be lost while another writes."""
    counters = Counters(tmp_path / "counters")
    held: list[bool] = []
    monkeypatch.setattr(sealed, "write_whole", lambda *_: held.append(counters._lock.locked()))
    assert [next(counters.of(node, BY_SERVER)) for node in (3, 9)] == [2, 2]
    assert held == [True, True]
    assert not counters._lock.locked()


@pytest.mark.parametrize("content", [b"garbage\n", b"3 x\n", b"\xff\n"])
def test_a_damaged_file_of_counters_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "counters"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"counters: expected a line `node counter` for each node, got .*; restore it"):
        Counters(path)


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path


def test_keys_that_are_printed_are_read(tmp_path: Path) -> None:
    keys = read_keys(private(tmp_path / "keys", "# of the field test\n" + key_lines(3, first=4)))
    assert sorted(keys) == [4, 5, 6]
    assert len({*keys.values(), new_key()}) == 4
    assert {len(key) for key in keys.values()} == {KEY_BYTES}


def test_every_fault_of_a_file_of_keys_is_said_at_once(tmp_path: Path) -> None:
    path = private(tmp_path / "keys", f"0 {KEY.hex()}\n0 {OTHER.hex()}\nnode {KEY.hex()}\n2 abc\n3 {KEY.hex()}00\n")
    path.chmod(0o644)
    with pytest.raises(InputError) as refused:
        read_keys(path)
    said = [str(fault).removeprefix(str(path)) for fault in refused.value.faults]
    form = "expected `number key`, the key in 64 hex digits; correct the line"
    assert said == [
        ": expected a file that only you can read; run chmod 600 on it",
        ":2: expected the node once, got it again; correct the line",
        *(f":{line}: {form}" for line in (3, 4, 5)),
    ]


def test_a_file_of_keys_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a file with a line `number key` for each node, got"):
        read_keys(tmp_path / "none")
