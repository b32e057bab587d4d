"""A network from a user's file: its own head where it fits, a new one where it does not."""

from pathlib import Path

import numpy as np
import pytest

from fleet.base.errors import InputError
from fleet.node.model.graph_file import graph_digest, save_graph
from fleet.node.model.own import own_model
from fleet.node.model.zoo import shipped_model


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "mine.npz"
    save_graph(shipped_model("imu-ds-cnn", "seglearn-watch", 0), path)
    return path


def test_a_head_with_as_many_outputs_as_classes_is_kept(file: Path) -> None:
    own = own_model(file, 7)
    assert (own.new_head, own.left_out) == (False, ())
    assert np.array_equal(own.graph.head.weight, shipped_model("imu-ds-cnn", "seglearn-watch", 0).head.weight)
    assert graph_digest(own_model(file, 7, "kept").graph) == graph_digest(own.graph)


def test_other_classes_get_a_head_of_zeros_on_the_same_features(file: Path) -> None:
    own = own_model(file, 9)
    assert own.new_head
    assert (own.graph.classes, own.graph.parameters) == (9, 17359 + 2 * 97)
    assert not own.graph.head.weight.any()
    assert not own_model(file, 7, "new").graph.head.weight.any()


def test_a_head_that_must_be_kept_has_to_fit(file: Path) -> None:
    with pytest.raises(InputError, match="expected a last layer for the 9 classes of the data, got one for 7; take a"):
        own_model(file, 9, "kept")


def test_a_path_may_be_text_and_a_head_is_one_of_three(file: Path) -> None:
    assert not own_model(str(file), 7).new_head
    with pytest.raises(
        InputError, match=r"path: expected a path or its text, got None; name a file ending in \.tflite or"
    ):
        own_model(None, 7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="head: expected one of auto, kept, new, got 'keep'; choose one of them"):
        own_model(file, 7, "keep")


def test_a_published_keyword_spotter_learns_other_words(shared_data: Path) -> None:
    own = own_model(shared_data / "mlperf-tiny" / "kws_ref_model.tflite", 10)
    assert (own.new_head, own.graph.classes, own.graph.input.shape) == (True, 10, (49, 10, 1))
    assert not own_model(shared_data / "mlperf-tiny" / "kws_ref_model.tflite", 12).new_head


def test_what_an_import_leaves_out_is_said(shared_data: Path) -> None:
    own = own_model(shared_data / "tinyengine-lenet" / "ptq_mnist_lenet-300-100.tflite", 10)
    assert own.left_out == ("operator 6 LOG_SOFTMAX (makes '83')",)


@pytest.mark.parametrize("name", ["mine.onnx", "mine.tflite", "mine.npz", "mine"])
def test_a_file_that_is_none_or_not_there_is_one_clear_refusal(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"{name}: expected a file.*, got .+; ") as refused:
        own_model(tmp_path / name, 7)
    assert len(refused.value.faults) == 1
