"""A scenario, declared once: every key with its meaning, unit, range and default.

`scenarios/README.md`, the JSON Schema for editors, the checks and their messages all come from here. Attributes carry
the unit they are stored in (`every_us`); the key in the file is the name without it (`every: 1 h`).
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated

from fleet.base.declared import Key, declared
from fleet.base.units import SHARE, SIZE_BYTES, TIME_US
from fleet.learning.selection import POLICIES
from fleet.node.model.zoo import ZOO
from fleet.node.profile import boards
from fleet.scenario import names
from fleet.scenario.energy_schema import StoreChoice
from fleet.scenario.life import LifeChoice
from fleet.scenario.radio_schema import RadioChoice
from fleet.scenario.updates import UpdateChoice

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CLASS_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_class_path(text: str) -> bool:
    """Whether a strategy is named by import path, 'module:Class'."""
    return _CLASS_PATH.fullmatch(text) is not None


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _is_array_file(text: str) -> bool:
    return text.endswith(".npz") and len(text) > len(".npz")


@declared
class HoldOut:
    """What is kept from training, to choose by and to test on."""

    kind: Annotated[str, Key("where the held-out windows lie", one_of=tuple(names.HOLD_OUTS))]
    train: Annotated[float, Key("part to train on", unit=SHARE, least="1 %", most="98 %")] = 0.5
    val: Annotated[float, Key("part to choose by; the rest is the test", unit=SHARE, least="0 %", most="98 %")] = 0.15
    gap: Annotated[int, Key("windows dropped at each cut (within_recording)", least=0, most=1000)] = 1


@declared
class Data:
    """What is learnt from, who has it, and what is new."""

    source: Annotated[str, Key("data set: a name that ships, or any name with `path`", example="seglearn-watch")]
    node: Annotated[
        tuple[Annotated[str, Key("one column", one_of=("subject", "side"))], ...], Key("columns that make one node")
    ] = ("subject", "side")
    hold_out: Annotated[HoldOut, Key("what is kept from training", short="kind")] = HoldOut(kind="within_recording")
    draw: Annotated[int, Key("which people pretrain, which classes are new", least=0, most=2**31 - 1)] = 0
    pretrain_people: Annotated[int, Key("people whose windows pretrain the model", least=1, most=10_000)] = 4
    new_classes: Annotated[int, Key("classes unknown to the pretrained model", least=0, most=255)] = 2
    holders: Annotated[Fraction, Key("people of the fleet who have the new classes", least="0/1", most="1/1")] = (
        Fraction(1, 2)
    )
    shared: Annotated[
        bool, Key("nodes may outnumber what the data have: node n then has the data of node n mod their number")
    ] = False
    path: Annotated[Path | None, Key("your own data set, an .npz; from the scenario's folder", example="mine.npz")] = (
        None
    )


@declared
class ModelChoice:
    """The network and where its weights come from: one of the zoo, or a file with both."""

    zoo: Annotated[str | None, Key("network by name, for windows and classes of the data", one_of=tuple(ZOO))] = None
    pretrained: Annotated[
        str,
        Key(
            "int8 weights before the first round; a path counts from the scenario's folder",
            one_of=(names.SHIPPED,),
            also=(_is_array_file, "the path of an .npz that `fleet prepare` wrote"),
        ),
    ] = names.SHIPPED
    file: Annotated[
        Path | None,
        Key(
            "your own network instead: .tflite (int8), or .npz of a graph; from the scenario's folder",
            example="my_model.tflite",
        ),
    ] = None
    head: Annotated[str, Key("last layer of `file`", one_of=tuple(names.HEADS))] = "auto"


@declared
class SchemeChoice:
    """Which values train. layers, ratio, blocks, name: as the kind uses them."""

    kind: Annotated[str, Key("which values train", one_of=tuple(names.SCHEME_PARAMETERS))]
    layers: Annotated[int, Key("last pointwise layers (sparse), last blocks (last_k)", least=0, most=1000)] = 2
    ratio: Annotated[Fraction, Key("input channels of each (sparse)", least="0/1", most="1/1")] = Fraction(1, 4)
    blocks: Annotated[int, Key("last blocks whose biases train (sparse, bias)", least=0, most=1000)] = 2
    name: Annotated[str, Key("a scheme in one word, as `fleet plan` writes it: sparse:100kb, bn, ... (named)")] = ""


@declared
class ScheduleChoice:
    """How the rate changes from round to round. every, factor, lowest: as the kind uses them."""

    kind: Annotated[str, Key("how the rate changes", one_of=tuple(names.SCHEDULES))]
    every: Annotated[int, Key("rounds between two steps (step)", least=1, most=100_000)] = 1
    factor: Annotated[float, Key("what a step multiplies the rate by (step)", above=0, most=1)] = 0.5
    lowest: Annotated[
        float, Key("part of the rate that is left at the end (cosine)", unit=SHARE, least="0 %", most="100 %")
    ] = 0.0


@declared
class Training:
    """How a node trains. Rates are those of float SGD: of one window per step, or of the mean of a batch."""

    scheme: Annotated[SchemeChoice, Key("which values train", short="kind", example="sparse")]
    rate: Annotated[float, Key("learning rate of a round; at most 1 where `scaled`", above=0, most=1_000_000)]
    steps_per_round: Annotated[
        int, Key("training steps a node makes in a round, one window each", least=1, most=100_000, example="64")
    ]
    gradients: Annotated[str, Key("arithmetic of the backward pass", one_of=tuple(names.GRADIENTS))] = "int8"
    exponents: Annotated[str, Key("how gradients are scaled", one_of=tuple(names.EXPONENTS))] = "dynamic"
    update: Annotated[str, Key("how a step is rounded to int8", one_of=tuple(names.UPDATES))] = "stochastic"
    loss_classes: Annotated[str, Key("classes in the softmax", one_of=tuple(names.LOSS_CLASSES))] = "own"
    personal_steps: Annotated[
        int, Key("steps on the node after the last round; nothing sent", least=0, most=1_000_000)
    ] = 0
    personal_rate: Annotated[float, Key("learning rate of the personal steps; as `rate`", above=0, most=1_000_000)] = (
        0.03
    )
    scaled: Annotated[bool, Key("quantisation-aware scaling: rates are those of real weights, not of steps")] = True
    momentum: Annotated[
        float, Key("part of the last step that goes on in the next; an int32 per trained value", least=0, most=0.999)
    ] = 0.0
    batch: Annotated[
        int, Key("windows whose mean gradient makes one update; an int32 per trained value above 1", least=1, most=1000)
    ] = 1
    schedule: Annotated[ScheduleChoice, Key("how the rate changes from round to round", short="kind")] = ScheduleChoice(
        kind="constant"
    )


@declared
class Report:
    """What a node sends by itself between rounds: a reading, a sign of life."""

    every_us: Annotated[int, Key("one in each such stretch of time", unit=TIME_US, least="1 min", most="365 d")]
    payload_bytes: Annotated[int, Key("its length without headers", unit=SIZE_BYTES, least="1 B", most="222 B")]


@declared
class FleetGroup:
    """Nodes of one kind; groups take the nodes of the data in order."""

    board: Annotated[str, Key("board, as `fleet devices` lists them", one_of=boards)]
    count: Annotated[int, Key("nodes", least=1, most=1_000_000, example="12")]
    energy: Annotated[StoreChoice, Key("what it runs on")]
    radio: Annotated[RadioChoice, Key("how it talks")]
    every_us: Annotated[int, Key("time from one round's opening to the next", unit=TIME_US, least="1 s", most="365 d")]
    life: Annotated[LifeChoice | None, Key("what happens to it besides its work")] = None
    report: Annotated[Report | None, Key("what it sends by itself between rounds")] = None
    twin: Annotated[
        int, Key("first nodes of the group that run as emulated firmware; the same bytes, slower", least=0, most=1000)
    ] = 0


@declared
class Server:
    """What joins the nodes' work."""

    strategy: Annotated[
        str,
        Key(
            "aggregation",
            one_of=tuple(names.STRATEGIES),
            also=(is_class_path, "a Flower strategy as `module:Class` with --allow-code"),
        ),
    ]
    rounds: Annotated[int, Key("rounds of the federation", least=1, most=100_000, example="10")]
    timeout_us: Annotated[int, Key("how long a round stays open", unit=TIME_US, least="1 s", most="365 d")]
    sample: Annotated[int, Key("nodes that a round asks, chosen anew each time; 0: all", least=0, most=100_000)] = 0
    select: Annotated[str, Key("how `sample` nodes are chosen", one_of=tuple(POLICIES))] = "random"


@declared
class ScenarioFile:
    """The whole file."""

    schema: Annotated[
        int, Key("version of this format", least=1, most=1, example="1", why="this mcufleet reads version 1")
    ]
    name: Annotated[
        str, Key("short name; run folders carry it", also=(_is_name, "lower-case letters, digits, '-', '_', '.'"))
    ]
    data: Annotated[Data, Key("what is learnt from, and by whom")]
    model: Annotated[ModelChoice, Key("the network")]
    training: Annotated[Training, Key("how a node trains")]
    fleet: Annotated[tuple[FleetGroup, ...], Key("groups of nodes")]
    server: Annotated[Server, Key("what joins their work")]
    updates: Annotated[tuple[UpdateChoice, ...], Key("what is pushed over the air besides rounds")] = ()
    seed: Annotated[int, Key("order of samples, rounding, losses; never the draw", least=0, most=2**63 - 1)] = 0
    compare: Annotated[
        tuple[Annotated[str, Key("one line", one_of=tuple(names.LINES))], ...],
        Key("lines run beside the scenario's own"),
    ] = tuple(names.LINES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(ScenarioFile):
    """A checked scenario. question: the comment at its head. path: the file the user wrote; no part of equality."""

    question: str = ""
    path: Path | None = field(default=None, compare=False)

    @property
    def nodes(self) -> int:
        """Nodes of all groups."""
        return sum(group.count for group in self.fleet)

    @property
    def data_file(self) -> Path | None:
        """The user's data set as a path to open; None for one that ships."""
        return None if self.data.path is None else beside(self.path, self.data.path)

    @property
    def own_model(self) -> Path | None:
        """The user's network as a path to open; None for one of the zoo."""
        return None if self.model.file is None else beside(self.path, self.model.file)

    @property
    def net_name(self) -> str:
        """What the network is called: its name in the zoo, or its file's without the ending."""
        return self.model.zoo or (self.model.file or Path("network")).stem

    @property
    def model_file(self) -> Path | None:
        """The pretrained weights as a path to open; None for those that ship."""
        return None if self.model.pretrained == names.SHIPPED else beside(self.path, Path(self.model.pretrained))


def beside(scenario: Path | None, given: Path) -> Path:
    """A path that a scenario gives, as one to open: relative ones count from the scenario's folder."""
    return (scenario.parent if scenario is not None else Path()) / given.expanduser()
