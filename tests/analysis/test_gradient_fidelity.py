"""The study of gradients: what its ratios mean, and what they are on the published weights."""

from pathlib import Path

import numpy as np
import pytest

from analysis import gradient_fidelity as study
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Gradients, Recipe
from fleet.node.model.scheme import build_scheme
from fleet.node.model.zoo.mcunet import load_mcunet
from tests.node.model.nets import Builder, windows

SIDE = 48


def one_layer(scales: list[float]) -> Graph:
    """A head over four values whose rows have these weight scales."""
    build = Builder(3)
    graph = build.head(build.input((1, 1, 4)), len(scales))
    object.__setattr__(graph.head, "weight_scale", np.array(scales, np.float32))
    object.__setattr__(graph.head, "weight", np.arange(1, 4 * len(scales) + 1, dtype=np.int8).reshape(-1, 4))
    return graph


def ratios(graph: Graph, ours: np.ndarray, theirs: np.ndarray) -> study.Seen:
    return study.compared(graph, (graph.head.name, "weight"), ours, theirs)


def test_equal_gradients_have_the_float_ratio_in_real_units_and_by_channel() -> None:
    graph, gradient = one_layer([0.5, 0.1, 0.004]), np.linspace(-1, 2, 12).reshape(3, 4)
    seen = ratios(graph, gradient, gradient)
    assert (seen.cosine, seen.norm) == pytest.approx((1, 1))
    assert (seen.real, seen.channel, seen.least_channel) == pytest.approx((1, 1, 1))
    half = ratios(graph, gradient / 2, gradient)
    assert (half.real, half.channel, half.integer) == pytest.approx((2, 2, 2 * seen.integer))


def test_one_scale_for_all_channels_is_the_published_derivation() -> None:
    """Raw off by s_w^-2, scaled equal to float: equations 4 and 5 of the paper."""
    gradient = np.linspace(-1, 2, 12).reshape(3, 4)
    seen = ratios(one_layer([0.02, 0.02, 0.02]), gradient, gradient)
    assert seen.raw == pytest.approx(0.02**-2, rel=1e-6)
    assert (seen.integer, seen.loud) == pytest.approx((1, 1))


def test_a_channel_of_small_scale_decides_the_norm_in_steps_and_none_in_real_units() -> None:
    graph, gradient = one_layer([0.5, 0.5, 0.004]), np.ones((3, 4))
    seen = ratios(graph, gradient, gradient)
    assert seen.integer < 0.1
    assert (seen.loud, seen.real) == pytest.approx((1, 1))


def test_dead_channels_count_nowhere_but_in_the_raw_ratio() -> None:
    gradient = np.linspace(-1, 2, 12).reshape(3, 4)
    two, three = one_layer([0.5, 0.1]), one_layer([0.5, 0.1, 1e-8])
    dead, without = ratios(three, gradient, gradient), ratios(two, gradient[:2], gradient[:2])
    for name in ("integer", "loud", "real", "channel"):
        assert getattr(dead, name) == pytest.approx(getattr(without, name))


def test_scaled_gradients_of_the_published_weights_are_as_large_as_float_ones(shared_data: Path) -> None:
    """Without QAS no tensor of MCUNet-5FPS; with it all, in real units and by channel, for both formats.

    In steps of the weights, as the norm of a whole tensor, most: the scales of a depthwise layer differ up to 34-fold
    between channels. Over the channels within 1/4 of the largest scale it is all of them again.
    """
    pytest.importorskip("torch", reason="torch is an extra: pip install 'mcufleet[torch]'")
    graph = load_mcunet(shared_data / "mcunet" / "mcunet-5fps.json", classes=10, shape=(SIDE, SIDE, 3))
    graph = study.with_drawn_head(graph)
    asked = [(x, label, range(10)) for label, x in enumerate(pictures(shared_data))]
    case = study.Case(graph=graph, examples=asked, others=())
    for gradients in Gradients:
        scheme = build_scheme(graph, "full", recipe=Recipe(gradients=gradients))
        seen = list(study.measured(case, scheme))
        found = {name: study.within(seen, name) for name in ("raw", "integer", "loud", "real", "channel")}
        assert found["raw"] == (0, 43)
        assert found["real"] == found["channel"] == found["loud"] == (43, 43), found
        assert 30 <= found["integer"][0] < 43


def pictures(folder: Path) -> list[np.ndarray]:
    """A person in grey at SIDE, and moved a little."""
    file = (folder / "tflm" / "person.bmp").read_bytes()
    grey = np.frombuffer(file[-96 * 96 :], np.uint8).reshape(96, 96)[::-2, ::2]
    picture = np.repeat((grey.astype(np.int16) - 128).astype(np.int8)[..., None], 3, axis=2)
    return [np.roll(picture, (5 * i, 3 * i), (0, 1)) for i in range(3)]


def test_static_exponents_come_from_other_windows() -> None:
    graph = one_layer([0.1, 0.05, 0.02])
    x = [(window, i % 3, range(3)) for i, window in enumerate(windows(graph, 8))]
    scheme = study.calibrated_for(study.Case(graph=graph, examples=x[:2], others=x[2:]))
    assert scheme.recipe.exponents.value == "static"


def test_a_table_says_how_many_tensors_are_within_the_factor(capsys: pytest.CaptureFixture[str]) -> None:
    graph, gradient = one_layer([0.5, 0.1, 0.004]), np.ones((3, 4))
    study.print_table("small", Recipe(), [ratios(graph, gradient, gradient)])
    printed = capsys.readouterr().out
    assert "least mean cosine of a tensor: 1.00000" in printed
    assert "W/G raw: 0 of 1 tensors within a factor of 2" in printed
    assert "W/G real: 1 of 1 tensors within a factor of 2" in printed
