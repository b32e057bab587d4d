"""Data sets, what is held out, who has what."""

from fleet.learning.data.dataset import SHIPPED, DataSet, load_set
from fleet.learning.data.draws import Draw, draw, old_classes
from fleet.learning.data.reading import as_read_by, same_but_for_ones
from fleet.learning.data.shards import Shard, Windows, node_shards, pretraining_windows
from fleet.learning.data.split import Parts, by_recording, check_split, split_within_recording

__all__ = [
    "SHIPPED",
    "DataSet",
    "Draw",
    "Parts",
    "Shard",
    "Windows",
    "as_read_by",
    "by_recording",
    "check_split",
    "draw",
    "load_set",
    "node_shards",
    "old_classes",
    "pretraining_windows",
    "same_but_for_ones",
    "split_within_recording",
]
