"""What TensorFlow Lite Micro makes of a Graph: every map of it, as the packaged interpreter computes it."""

from typing import Any

import pytest

from fleet.node.model.graph import Graph, Int8

pytest.importorskip("tflite_micro", reason="TensorFlow Lite Micro comes as a wheel for Linux on x86-64 only")


class Micro:
    """An interpreter over a graph. arena_bytes: its working memory."""

    def __init__(self, graph: Graph, arena_bytes: int = 1 << 20) -> None:
        from tflite_micro.python.tflite_micro import runtime

        from tests.node.engine.tflite_file import TfliteFile

        file = TfliteFile(graph)
        self.places = file.places
        keep = runtime.InterpreterConfig.kPreserveAllTensors
        self._runtime = runtime.Interpreter.from_bytes(file.content(), arena_size=arena_bytes, intrepreter_config=keep)

    def maps(self, *feeds: Any) -> dict[str, Any]:
        """Every map for one value of each input, flat; arrays [H, W, C]."""
        for index, feed in enumerate(feeds):
            self._runtime.set_input(feed[None], index)
        self._runtime.invoke()
        return {name: self._runtime.GetTensor(at, 0)["tensor_data"].ravel().copy() for name, at in self.places.items()}


def micro_maps(graph: Graph, x: Int8) -> list[dict[str, Any]]:
    """Every map that TensorFlow Lite Micro makes of each window; the head's is int8 at the scale of the logits."""
    micro = Micro(graph)
    return [micro.maps(window) for window in x]
