"""Networks from .tflite files: int8, fully quantised, as converters write them for microcontrollers."""

from fleet.node.model.tflite.load import CONVERTERS, Import, import_tflite, imported, load_tflite

__all__ = ["CONVERTERS", "Import", "import_tflite", "imported", "load_tflite"]
