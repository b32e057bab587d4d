"""Greedy by size against a transcription of TensorFlow Lite Micro's linked list, line for line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base.errors import InputError
from fleet.node.plan.placement import Block, Part, greedy_by_size
from tests.node.plan.placement.blocks import rectangles, simple

Wanted = tuple[int, int, int, int]  # size, first, last, offset given or -1


class Micro:
    """GreedyMemoryPlanner::CalculateOffsetsIfNeeded, with its names."""

    def __init__(self, requirements: list[Wanted]) -> None:
        self.requirements = requirements
        self.offsets = [offline for _, _, _, offline in requirements]
        self.entries: list[list[int]] = []  # offset, requirements_index, next_entry_index
        self.first_entry = 0
        ids = self.sorted_ids()
        if ids:
            self.offsets[ids[0]] = max(self.offsets[ids[0]], 0)
            self.entries.append([self.offsets[ids[0]], ids[0], -1])
        for i in ids[1:]:
            if self.requirements[i][3] == -1:
                self.offsets[i] = self.gap(i)
            self.insert(i)

    def sorted_ids(self) -> list[int]:
        """Given offsets in order from the head, the others from the tail; then a bubble sort of the others."""
        given = [i for i, (_, _, _, offline) in enumerate(self.requirements) if offline != -1]
        ids = [i for i, (_, _, _, offline) in enumerate(self.requirements) if offline == -1][::-1]
        swapped = True
        while swapped:
            swapped = False
            for k in range(1, len(ids)):
                if self.requirements[ids[k - 1]][0] < self.requirements[ids[k]][0]:
                    ids[k - 1], ids[k] = ids[k], ids[k - 1]
                    swapped = True
        return given + ids

    def next_active(self, start: int | None, first: int, last: int) -> int | None:
        at = self.first_entry if start is None else self.entries[start][2]
        while at != -1:
            _, index, following = self.entries[at]
            if not (self.requirements[index][1] > last or first > self.requirements[index][2]):
                return at
            at = following
        return None

    def gap(self, i: int) -> int:
        size, first, last, _ = self.requirements[i]
        candidate, prior = 0, None
        while True:
            following = self.next_active(prior, first, last)
            if prior is not None:
                candidate = max(candidate, self.entries[prior][0] + self.requirements[self.entries[prior][1]][0])
            if following is None or self.entries[following][0] - candidate >= size:
                return candidate
            prior = following

    def insert(self, i: int) -> None:
        offset, new = self.offsets[i], len(self.entries)
        self.entries.append([offset, i, -1])
        if self.entries[self.first_entry][0] > offset:
            self.entries[new][2] = self.first_entry
            self.first_entry = new
            return
        at = self.first_entry
        while self.entries[at][2] != -1 and self.entries[self.entries[at][2]][0] <= offset:
            at = self.entries[at][2]
        self.entries[new][2] = self.entries[at][2]
        self.entries[at][2] = new


def micro_offsets(blocks: list[Block], fixed: dict[str, int]) -> dict[str, int]:
    wanted = [
        (-(-part.size_bytes // 16) * 16, part.first, part.last, fixed.get(block.name, -1))
        for block in blocks
        for part in block.parts
    ]
    return dict(zip([block.name for block in blocks], Micro(wanted).offsets, strict=True))


@settings(max_examples=500)
@given(blocks=rectangles(24), data=st.data())
def test_offsets_are_those_of_tflite_micro(blocks: list[Block], data: st.DataObject) -> None:
    """Sizes of 1 to 60 bytes round up to four: ties are the rule. One block in four has its offset given."""
    given_ = data.draw(st.lists(st.sampled_from([None, None, None, 0, 16, 24, 64]), min_size=24, max_size=24))
    fixed = {block.name: at for block, at in zip(blocks, given_, strict=False) if at is not None}
    placement = greedy_by_size(blocks, fixed=fixed)
    assert placement.offsets == micro_offsets(blocks, fixed)
    ends = [placement.offsets[b.name] + -(-b.parts[0].size_bytes // 16) * 16 for b in blocks]
    assert placement.peak_bytes == max(ends, default=0)


def test_of_equals_the_one_added_last_comes_first() -> None:
    assert greedy_by_size([simple(0, 1, 16, "old"), simple(0, 1, 16, "new")]).offsets == {"new": 0, "old": 16}


def test_what_it_cannot_place_is_refused() -> None:
    chain = Block(name="chain", parts=(Part(first=0, last=1, size_bytes=8), Part(first=2, last=3, size_bytes=4)))
    with pytest.raises(InputError, match="got a chain"):
        greedy_by_size([chain])
    with pytest.raises(InputError, match="got none of that name"):
        greedy_by_size([simple(0, 1, 8, "a")], fixed={"b": 0})
