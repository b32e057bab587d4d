"""Flower's FedAvg with our aggregation: exact, per value over its holders, in whole numbers.

Stock strategies refuse replies whose tensors differ and average int8 as raw numbers; this one reads update frames.
"""

from collections.abc import Callable, Iterable

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, MetricRecord
from flwr.serverapp import Grid
from flwr.serverapp.strategy import FedAvg

from fleet.federation.forms import EXAMPLES, MASTER, frame_of
from fleet.learning import aggregate
from fleet.learning.aggregate import Contribution, Int64
from fleet.node.model.scheme import Layout
from fleet.node.wire.frames import Update, base_of, decode_update

Refused = Callable[[int, int, str], None]


class MaskedFedAvg(FedAvg):
    """Holder-normalised averaging of int8 deltas against the last push.

    refused: told (round, node, why) of an answer that was not used. Other arguments are FedAvg's.
    """

    def __init__(
        self, layout: Layout, *, refused: Refused, fraction_train: float = 1.0, min_train_nodes: int = 1
    ) -> None:
        super().__init__(
            fraction_train=fraction_train,
            fraction_evaluate=0.0,
            min_train_nodes=min_train_nodes,
            min_available_nodes=min_train_nodes,
        )
        self.layout = layout
        self.refused = refused
        self._master: Int64 | None = None

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """As FedAvg; remembers the master that this round's deltas are against."""
        self._master = arrays[MASTER].numpy()
        return super().configure_train(server_round, arrays, config, grid)

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """The new master, and the windows and clipped deltas behind it; nothing when nobody answered."""
        updates = [self._update(server_round, m) for m in replies if not m.has_error()]
        used = [u for u in updates if u is not None]
        if self._master is None or not used:
            return None, None
        master = aggregate.holder_averaged(self._master, (self._contribution(u) for u in used))
        metrics = MetricRecord({EXAMPLES: sum(u.windows for u in used), "clipped": sum(u.clipped for u in used)})
        return ArrayRecord({MASTER: Array(master)}), metrics

    def _update(self, server_round: int, message: Message) -> Update | None:
        update = decode_update(self.layout, frame_of(message.content))
        assert self._master is not None
        if update.base != base_of(self.layout, aggregate.pushed(self._master, self.layout.weights)):
            self.refused(server_round, update.node, "its deltas are against another push")
            return None
        return update

    def _contribution(self, update: Update) -> Contribution:
        return Contribution(windows=update.windows, deltas=update.deltas, held=self.layout.held(update.own))
