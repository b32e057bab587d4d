"""The error tree: what users read, and what their shell reads."""

import pytest

from fleet.base.errors import CheckFailed, DoesNotFit, EngineError, Fault, FleetError, InputError, RunError


def test_a_fault_reads_where_first() -> None:
    assert str(Fault("quickstart.yaml: seed", "expected a number, got 'x'; give one")) == (
        "quickstart.yaml: seed: expected a number, got 'x'; give one"
    )


def test_all_faults_of_one_input_are_reported_together_in_their_order() -> None:
    faults = [Fault(f"line {n}", f"expected {n}") for n in range(12)]
    error = InputError(faults)
    assert error.faults == tuple(faults)
    assert str(error).splitlines() == [str(fault) for fault in faults]


def test_a_single_fault_needs_no_list() -> None:
    assert InputError.one("seed", "expected 0").faults == (Fault("seed", "expected 0"),)


@pytest.mark.parametrize("kind", [DoesNotFit, EngineError, InputError, RunError])
def test_what_the_user_can_mend_ends_with_code_2(kind: type[FleetError]) -> None:
    assert issubclass(kind, FleetError)
    assert kind.exit_code == 2


def test_a_found_difference_ends_with_code_1() -> None:
    assert issubclass(CheckFailed, FleetError)
    assert CheckFailed.exit_code == 1
