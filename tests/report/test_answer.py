"""The sentences of the report say what the numbers carry, and no more."""

from dataclasses import replace

from fleet.record import AccuracyRow, ValueRow
from fleet.report.answer import answer, limits, question
from fleet.report.story import Story
from tests.report.words import plain


def with_scores(story: Story, line: str, phase: str, share: float) -> Story:
    """The story with every node of one moment at one accuracy."""

    def changed(row: AccuracyRow) -> AccuracyRow:
        mine = (row.line, row.phase) == (line, phase)
        return replace(row, correct=round(row.total * share)) if mine else row

    return replace(story, accuracy=[changed(row) for row in story.accuracy])


def test_the_question_is_the_comment_that_opens_the_scenario(story: Story) -> None:
    assert question(story).startswith(
        "Two exercises are added to a therapy plan. Half of the people have done them. Can"
    )


def test_a_recorded_question_comes_first(story: Story) -> None:
    stated = ValueRow(key="question", value="Why?", basis="given")
    assert question(replace(story, values=[stated])) == "Why?"


def test_the_answer_gives_the_number_and_what_it_is_compared_with(story: Story) -> None:
    first = plain(answer(story)[0])
    assert "the 6 nodes that never did the new classes recognise" in first
    assert "training alone 0 %, plain FedAvg 27.8 %" in first
    assert "<b>44.4 %</b>" in first


def test_the_answer_ends_with_the_cost(story: Story) -> None:
    assert plain(answer(story)[-1]).startswith("In 11 h a node drew 896 mJ (0.0369 % of its store) and sent 43.1 kB")


def test_a_small_lead_is_called_small(story: Story) -> None:
    assert "a small lead that one run cannot prove" in limits(story)[0]


def test_a_large_lead_is_not_called_small(story: Story) -> None:
    assert "small lead" not in limits(with_scores(story, "alone", "personal", 0.4))[0]


def test_when_training_alone_wins_the_report_says_so(story: Story) -> None:
    assert plain(limits(with_scores(story, "alone", "personal", 1.0))[0]) == (
        "Over all classes training alone with equal work wins: 100 % against 83.2 % in the mean; "
        "100 % against 65.5 % at the worst node."
    )


def test_the_price_of_the_personal_pass_is_named_when_there_is_one(story: Story) -> None:
    assert any("has a price" in text for text in limits(story))
    assert not any("has a price" in text for text in limits(with_scores(story, "federated", "personal", 1.0)))


def test_later_windows_of_the_same_recording_are_admitted_unless_the_run_says_it_itself(story: Story) -> None:
    assert any("not of another day" in text for text in limits(story))
    stated = replace(story, values=[ValueRow(key="limit:1", value="The sky is <b>.", basis="given")])
    assert not any("not of another day" in text for text in limits(stated))
    assert "The sky is &lt;b&gt;." in limits(stated)


def test_without_a_round_there_is_no_answer_and_no_claim(story: Story) -> None:
    empty = replace(story, accuracy=[], rounds=[], values=[])
    assert answer(empty) == ["There is no answer yet: no round of the federated line is recorded."]
    assert limits(empty) == []
