"""Instructions counted per plan step in an emulated core, and the table that is fitted to them."""

from fleet.node.twin.calibrate.table import (
    HEADINGS,
    Line,
    bench_of,
    compared,
    counted_samples,
    counted_table,
    engine_digest,
    table_of,
    table_text,
)

__all__ = [
    "HEADINGS",
    "Line",
    "bench_of",
    "compared",
    "counted_samples",
    "counted_table",
    "engine_digest",
    "table_of",
    "table_text",
]
