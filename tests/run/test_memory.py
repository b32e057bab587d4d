"""What a resumed run remembers: each answer once, scores for good, and of the same run only."""

from pathlib import Path

import pytest

from fleet.base.errors import RunError
from fleet.learning.scores import Score
from fleet.record import Journal
from fleet.run.memory import Memory

KEY = ("federated", "round", 3)
SCORE = Score(node=4, part="test", classes="old", correct=5, total=9)


def test_an_answer_of_the_journal_is_given_once_because_a_second_push_is_another_question(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        first = Memory(journal, {"plan": "a"})
        assert first.answer(KEY, 4) is None
        first.add_answer(KEY, 4, b"one")
        first.add_answer(KEY, 4, b"two")
        assert first.answer(KEY, 4) is None  # a live run computes each push
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        again = Memory(journal, {"plan": "a"})
        assert again.recalled == 1
        assert [again.answer(KEY, 4), again.answer(KEY, 4)] == [b"one", None]


def test_scores_are_counted_once_and_remembered(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        assert Memory(journal, {"plan": "a"}).scores(KEY, lambda: [SCORE]) == (SCORE,)
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        assert Memory(journal, {"plan": "a"}).scores(KEY, lambda: pytest.fail("counted again")) == (SCORE,)


def test_a_journal_of_another_run_is_refused_by_what_differs(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "journal.jsonl") as journal:
        Memory(journal, {"plan": "a", "data": "x"})
    with (
        Journal.open(tmp_path / "journal.jsonl") as journal,
        pytest.raises(RunError, match="expected a run of this data, plan, got another; start it again"),
    ):
        Memory(journal, {"plan": "b", "data": "y"})
