"""A file that cannot be imported says where it is wrong, what was expected, what was found, and what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tflite_micro", reason="its package holds the format's own writer, for Linux on x86-64 only")

from fleet.base.errors import InputError
from fleet.node.model.tflite import imported, load_tflite
from fleet.node.model.tflite.weighted import settled_biases
from tests.node.model.tflite.micro import assert_equal_maps
from tests.node.model.tflite.written import SAME, TANH, VALID, Written


def refusal(content: bytes) -> str:
    with pytest.raises(InputError) as caught:
        imported(content, "net.tflite", "net")
    return str(caught.value)


def dense(w: Written, x: int, outputs: int = 5, **more: Any) -> int:
    count = int(np.prod(w.tensors[x].shape))
    inputs = [x, w.weight(outputs, count), w.bias(outputs)]
    return w.op("FULLY_CONNECTED", inputs, w.map(1, outputs, scale=0.3, **more))


def sound() -> bytes:
    w = Written()
    dense(w, w.input(1, 6))
    return w.content()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.tflite: expected a file, got No such file or directory; name a"):
        load_tflite(tmp_path / "none.tflite")


def test_a_path_may_be_text_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "kws.tflite").write_bytes(sound())
    assert load_tflite(str(tmp_path / "kws.tflite")).name == "kws"
    with pytest.raises(InputError, match=r"path: expected a path or its text, got None; name a \.tflite file"):
        load_tflite(None)  # type: ignore[arg-type]


def test_a_folder_is_not_a_model(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file of at most 268435456 bytes, got something else; name a"):
        load_tflite(tmp_path)


def test_the_graph_has_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "kws.tflite").write_bytes(sound())
    assert load_tflite(tmp_path / "kws.tflite").name == "kws"


@pytest.mark.parametrize("content", [b"", b"TFL3", bytes(100), b"\x1c\0\0\0TFL2" + bytes(100), b"PK\3\4" + bytes(60)])
def test_another_kind_of_file_is_refused(content: bytes) -> None:
    assert refusal(content).startswith("net.tflite: expected a whole .tflite file, got ")


def test_a_pointer_to_a_file_is_told_from_a_damaged_one() -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:f1cd8dab\nsize 442000\n"
    assert "got a Git LFS pointer to one; fetch the file itself with `git lfs pull`" in refusal(pointer)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.99])
def test_a_file_cut_short_is_refused(share: float) -> None:
    content = sound()
    assert refusal(content[: int(share * len(content))]).startswith("net.tflite: expected a whole .tflite file, got ")


def test_another_version_of_the_schema_is_named() -> None:
    w = Written()
    dense(w, w.input(1, 6))
    w.version = 2
    assert "got schema version 2, not 3; name a .tflite file" in refusal(w.content())


def test_several_subgraphs_are_refused() -> None:
    w = Written()
    dense(w, w.input(1, 6))
    w.subgraphs = 2
    assert refusal(w.content()) == (
        "net.tflite: expected one subgraph, got 2; convert a model without branches and state"
    )


def test_every_operator_that_is_not_known_is_named_with_its_place() -> None:
    w = Written()
    x = dense(w, w.input(1, 6))
    first = w.op("TANH", [x], w.map(1, 5, name="a"))
    second = w.op("SIN", [first], w.map(1, 5, name="b"))
    w.op("RELU", [second], w.map(1, 5))
    lines = refusal(w.content()).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("net.tflite, operator 1 TANH (makes 'a'): expected one of ADD, AVERAGE_POOL_2D, ")
    assert lines[0].endswith("got TANH; replace it or end the model before it")
    assert lines[1].startswith("net.tflite, operator 2 SIN (makes 'b'): expected a known operator, got SIN; ")


@pytest.mark.parametrize("code", ["SUB", "SLICE", "GATHER", "PACK"])
def test_what_computes_shapes_is_not_known_for_maps(code: str) -> None:
    w = Written()
    w.op(code, [w.input(1, 6), w.input(1, 6)], w.map(1, 6))
    assert f"operator 0 {code} (makes 't2'): expected one of ADD, " in refusal(w.content())


@pytest.mark.parametrize("code", ["VAR_HANDLE", "READ_VARIABLE", "CALL_ONCE", "IF", "WHILE"])
def test_state_and_branches_are_refused(code: str) -> None:
    w = Written()
    w.op(code, [dense(w, w.input(1, 6))], w.map(1, 5, name="v"))
    assert refusal(w.content()) == (
        f"net.tflite, operator 1 {code} (makes 'v'): expected a network without state and branches, got {code}; "
        "convert a stateless model"
    )


def test_a_variable_tensor_is_refused() -> None:
    w = Written()
    x = w.input(1, 6)
    w.op("ADD", [x, w.map(1, 6, variable=True, name="memory")], w.map(1, 6))
    assert "expected no state between runs, got the variable 'memory'; use a stateless model" in refusal(w.content())


def test_a_model_in_float_says_how_to_quantise_it_once() -> None:
    w = Written()
    x = w.input(1, 6, kind="FLOAT32", name="x")
    hidden = w.op(
        "FULLY_CONNECTED", [x, w.constant(np.ones((5, 6), np.float32))], w.map(1, 5, kind="FLOAT32", name="h")
    )
    w.op("SOFTMAX", [hidden], w.map(1, 5, kind="FLOAT32"), beta=1.0)
    assert refusal(w.content()) == (
        "net.tflite, operator 0 FULLY_CONNECTED (makes 'h'): expected int8, got float32 [1, 6] 'x' here and in 1 more "
        "operators; quantise it fully: convert with a representative dataset"
    )


def test_integers_of_sixteen_bits_are_refused() -> None:
    w = Written()
    w.op("RELU", [w.input(1, 6, kind="INT16", name="x")], w.map(1, 6, kind="INT16"))
    assert refusal(w.content()) == (
        "net.tflite, input 'x': expected int8, got int16 [1, 6] 'x'; quantise the whole model to int8"
    )


def test_a_map_without_scale_is_refused() -> None:
    w = Written()
    x = dense(w, w.input(1, 6))
    y = w.map(1, 5, name="bare")
    w.tensors[y].quantization = None
    w.op("RELU", [x], y)
    assert "expected one scale and one zero point, got 0 scales and 0 zero points in int8 [1, 5] 'bare'" in refusal(
        w.content()
    )


@pytest.mark.parametrize("scale", [0.0, -0.1, float("nan"), float("inf"), 1e-40, 1e30])
def test_a_scale_that_is_no_positive_number_is_refused(scale: float) -> None:
    w = Written()
    w.op("RELU", [w.input(1, 6)], w.map(1, 6, scale=scale))
    assert "expected a scale from 2^-60 to 2^40, got" in refusal(w.content())


def test_a_zero_point_beyond_int8_is_refused() -> None:
    w = Written()
    w.op("RELU", [w.input(1, 6)], w.map(1, 6, zero=128))
    assert "expected a zero point from -128 to 127, got 128" in refusal(w.content())


def test_weights_with_a_zero_point_are_refused() -> None:
    w = Written()
    weight = w.constant(np.ones((5, 6), np.int8), scales=[0.1], zeros=[3])
    w.op("FULLY_CONNECTED", [w.input(1, 6), weight], w.map(1, 5))
    assert "expected positive scales and zero points of 0 for int8 [5, 6]" in refusal(w.content())


@pytest.mark.parametrize("sides", [(1, 70_000), (1, 5_000, 5_000, 1), (1, 0, 4), (1, 2**31 - 1)])
def test_absurd_sides_are_refused(sides: tuple[int, ...]) -> None:
    w = Written()
    w.op("RELU", [w.input(*sides)], w.map(*sides))
    assert f"expected sides from 1 to 65536 and at most 16777216 values, got {list(sides)}" in refusal(w.content())


def test_an_input_of_open_sides_is_refused() -> None:
    w = Written()
    w.op("RELU", [w.input(1, 1, 1, 3, signature=[-1, -1, -1, 3])], w.map(1, 1, 1, 3, signature=[-1, -1, -1, 3]))
    assert "expected a fixed shape, got [-1, -1, -1, 3]; convert with a fixed input shape" in refusal(w.content())


def test_a_batch_of_two_is_refused() -> None:
    w = Written()
    w.op("RELU", [w.input(2, 6)], w.map(2, 6))
    assert "expected a batch of 1, got 2 in int8 [2, 6] 't0'; convert with a batch of 1" in refusal(w.content())


def test_every_fault_is_told_but_none_that_follows_from_another() -> None:
    w = Written()
    x = w.input(1, 6)
    first = w.op("RELU", [x], w.map(1, 7, name="long"))
    w.op("RELU", [first], w.map(1, 7))
    w.op("LOGISTIC", [x], w.map(1, 6, zero=3, name="odd"))
    lines = refusal(w.content()).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "net.tflite, operator 0 RELU (makes 'long')",
        "net.tflite, operator 2 LOGISTIC (makes 'odd')",
    ]
    assert "expected an output of shape [1, 6], got int8 [1, 7] 'long'; convert the model again" in lines[0]


def test_an_activation_that_int8_kernels_lack_is_named() -> None:
    w = Written()
    w.op("ADD", [w.input(1, 6), w.input(1, 6)], w.map(1, 6), fusedActivationFunction=TANH)
    assert "expected a ReLU or no activation, got TANH; use RELU, RELU6 or HARD_SWISH" in refusal(w.content())


def test_bytes_do_not_move_to_another_scale() -> None:
    w = Written()
    w.op("RESHAPE", [w.input(1, 6), w.whole([1, 2, 3])], w.map(1, 2, 3, scale=0.1))
    assert "expected the scale of its input, 0.05 with zero point 0, got 0.1 with 0" in refusal(w.content())


def test_a_window_that_does_not_fit_is_refused() -> None:
    w = Written()
    options = {"filterHeight": 3, "filterWidth": 3, "strideH": 1, "strideW": 1, "padding": VALID}
    w.op("MAX_POOL_2D", [w.input(1, 2, 2, 1)], w.map(1, 1, 1, 1), **options)
    assert "expected a window within a side of 2, got 3; convert the model again" in refusal(w.content())


def test_a_dilation_without_end_is_refused_before_it_takes_memory() -> None:
    w = Written()
    inputs = [w.input(1, 4, 4, 2), w.weight(3, 3, 3, 2)]
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 60_000, "dilationWFactor": 60_000, "padding": SAME}
    w.op("CONV_2D", inputs, w.map(1, 4, 4, 3), **options)
    assert "expected at most 268435456 weights in all, got more; use a smaller model" in refusal(w.content())


def test_an_operator_that_reads_what_comes_later_is_refused() -> None:
    w = Written()
    later = w.map(1, 6, name="later")
    w.op("RELU", [later], w.map(1, 6))
    w.op("RELU", [w.input(1, 6)], later)
    assert "expected an input made before, got int8 [1, 6] 'later'" in refusal(w.content())


def test_a_shape_that_depends_on_values_is_refused() -> None:
    w = Written()
    x = w.input(1, 6)
    w.op("RESHAPE", [x, w.input(2, kind="INT32")], w.map(1, 2, 3))
    assert "expected int8, got int32 [2]" in refusal(w.content())


def test_a_network_of_no_operators_is_refused() -> None:
    w = Written()
    x = w.input(1, 6)
    assert refusal(w.content(x)) == (
        "net.tflite: expected operators between an input and an output, got 0 operators, 1 inputs and 1 outputs; "
        "convert the model again"
    )


def biased(bias: int, weights: int, scale: float) -> bytes:
    """A layer of two channels, the second with a bias and weights of its own."""
    w = Written()
    weight = np.array([[3, -5, 7], [weights, -weights, weights]], dtype=np.int8).reshape(2, 1, 1, 3)
    inputs = [
        w.input(1, 2, 2, 3, scale=0.03, zero=4),
        w.constant(weight, scales=[0.01, scale], zeros=[0, 0]),
        w.constant(np.array([100, bias], dtype=np.int32), scales=[1e-4], zeros=[0]),
    ]
    options = {"strideH": 1, "strideW": 1, "dilationHFactor": 1, "dilationWFactor": 1, "padding": VALID}
    w.op("CONV_2D", inputs, w.map(1, 2, 2, 2, scale=0.05, zero=-7), **options)
    return w.content()


@pytest.mark.parametrize(
    "bias, weights, scale, settled",
    [
        (2**30 + 128, 0, 2.8e-9, 2**30),  # as converters write dead channels
        (-(2**30) - 128, 0, 2.8e-9, -(2**30)),
        (2**31 - 1, 0, 1e-12, 2**30),
        (2**31 - 1, 127, 1e-12, 2**30),  # the sum overflows, and nobody can tell
        (-(2**31), 127, 1e-12, -(2**30)),
        (2**31 - 1, 0, 1e-6, 2**30),  # both are beyond what int8 holds
    ],
)
def test_the_bias_of_a_dead_channel_is_limited_where_no_output_can_tell(
    bias: int, weights: int, scale: float, settled: int
) -> None:
    content = biased(bias, weights, scale)
    (op,) = imported(content, "net.tflite", "net").graph.weighted
    assert op.bias.tolist() == [100, settled]
    assert assert_equal_maps(content, 20) > 0


@pytest.mark.parametrize("weights, scale", [(0, 1e-8), (127, 1e-9), (127, 1e-6)])
def test_a_bias_that_no_other_can_replace_is_refused(weights: int, scale: float) -> None:
    """Half of it is another output; or the sum overflows, and the output changes its sign."""
    assert refusal(biased(2**31 - 1, weights, scale)) == (
        "net.tflite, operator 0 CONV_2D (makes 't3'): expected a bias within 2^30 in channel 1, got 2147483647, which "
        "another could not replace; retrain the layer with weight decay, or remove the channel"
    )


def test_ordinary_biases_stay_as_they_are() -> None:
    bias = np.array([5, -(2**30), 2**30], dtype=np.int32)
    rows = np.ones((3, 4), dtype=np.int8)
    assert settled_biases(bias, rows, 0, [1e-3] * 3, 0, (-128, 127)).tolist() == bias.tolist()
