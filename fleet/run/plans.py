"""Plans without data and without a run: what each way to train a network asks of a board.

No byte of a plan depends on a weight, so a net of the zoo is planned before it learnt anything.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from fleet.base.errors import DoesNotFit, Fault, InputError
from fleet.node.cost import Cost, step_cost
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph
from fleet.node.model.head import trainable
from fleet.node.model.own import SUFFIXES, own_model
from fleet.node.model.recipe import Exponents, Loss, Recipe
from fleet.node.model.scheme import Scheme
from fleet.node.model.schemes import Choice, named_scheme
from fleet.node.model.tflite import import_tflite
from fleet.node.model.untrained import untrained_graph
from fleet.node.model.zoo import ZOO, zoo_net
from fleet.node.model.zoo.structure import Shape
from fleet.node.plan import Plan
from fleet.node.plan.choice import best_plan
from fleet.node.plan.counts import training_counts
from fleet.node.plan.definitions import Definition, definitions
from fleet.node.plan.floor import Floor, floor_of, kept_bytes
from fleet.node.plan.ledger import Ledger, ledger, over
from fleet.node.plan.placement import Effort, Progress
from fleet.node.profile import Profile, available
from fleet.node.wire.frames import most_update_bytes, push_bytes

IMAGENET: Final = 1000
NEW_HEAD: Final = 10
"""Classes of a net that was published for ImageNet: of the head that MCUNetV3's released demonstration trains."""
STATIC: Final = Recipe(exponents=Exponents.STATIC)

Said = Callable[[str], None]  # one line: what is being planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """graph: ready to train. name: as it was asked for. said: where its weights and its head are from."""

    graph: Graph
    name: str
    said: tuple[str, ...]
    in_zoo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Under which all schemes are planned. budget_bytes: of trained state and arena; None for the least."""

    recipe: Recipe = field(default=STATIC)
    input_streamed: bool = True
    budget_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A scheme by its name, with its plan."""

    name: str
    plan: Plan
    floor: Floor
    definitions: tuple[Definition, ...]

    @property
    def size_bytes(self) -> int:
        """Of trained state and arena."""
        return self.plan.state_bytes + self.plan.arena_bytes

    @property
    def push_bytes(self) -> int:
        """Of the frame that brings a node all values."""
        return push_bytes(self.plan.layout)

    @property
    def update_bytes(self) -> int:
        """Of the frame that a node with every class answers."""
        return most_update_bytes(self.plan.layout)


@dataclass(frozen=True, kw_only=True)
class OnBoard:
    """A plan on a board. sram_bytes: of the bank of the arena, beside what is reserved there. cost: of one step."""

    planned: Planned
    ledger: Ledger
    cost: Cost

    @property
    def profile(self) -> Profile:
        return self.ledger.profile

    @property
    def bank(self) -> str:
        """Where the arena lies."""
        return self.profile.banks[0].name

    @property
    def sram_bytes(self) -> int:
        return self.ledger.taken(self.bank) - self.reserved_bytes

    @property
    def reserved_bytes(self) -> int:
        """Of the same bank, for a radio stack and others."""
        return self.ledger.capacity(self.bank) - available(self.profile, self.bank)

    @property
    def free_bytes(self) -> int:
        """Of the same bank, for a node."""
        return available(self.profile, self.bank)

    @property
    def over(self) -> list[str]:
        """Banks that are too small."""
        return over(self.ledger)

    @property
    def fits(self) -> bool:
        return not self.over


# --- networks --------------------------------------------------------------------------------------------------


def network(model: str, *, classes: int | None = None, side: int | None = None, trains: bool = True) -> Network:
    """A net of the zoo, or that of a file. classes: of a new head. side: of the input, in pixels or samples.

    trains: whether it must be one that can. InputError with the nearest name, or with what is wrong with the file.
    """
    path = Path(model)
    if path.suffix in SUFFIXES or path.is_file():
        if side is not None:
            text = f"expected no resolution for a network of a file, got {side}; its input is as it was converted"
            raise InputError.one("--resolution", text)
        return _of_file(path, classes, trains=trains)
    try:
        return _of_zoo(model, classes, side)
    except InputError as fault:
        advice = "" if model in ZOO else ", or name a .tflite or .npz file"
        raise InputError([Fault("--model", f"{each.text}{advice}") for each in fault.faults]) from fault


def _of_zoo(name: str, classes: int | None, side: int | None) -> Network:
    entry = ZOO.get(name)
    if classes is None and entry is not None and entry.classes == IMAGENET:
        classes = NEW_HEAD
    spec = zoo_net(name, classes, _resized(zoo_net(name).input_shape, side) if side is not None else None)
    said = ["weights made up: no byte of a plan depends on them"]
    if entry is not None and spec.classes != entry.classes:
        said.append(f"a new head for {spec.classes} classes; the published one has {entry.classes:,}")
    return Network(graph=untrained_graph(spec), name=name, said=tuple(said), in_zoo=True)


def _resized(shape: Shape, side: int) -> Shape:
    """An input of this many pixels on a side, or of so many samples of a signal."""
    height, width, channels = shape
    return side, 1 if width == 1 else max(1, side * width // height), channels


def _of_file(path: Path, classes: int | None, *, trains: bool) -> Network:
    if classes is not None:
        own = own_model(path, classes)
        graph, left_out = own.graph, own.left_out
        head = f"a new head of zeros for {classes} classes" if own.new_head else "the head of the file"
    else:
        graph, left_out = _read(path)
        graph, head = _with_own_head(graph, trains=trains)
    said = (f"weights of {path.name}", head, *(f"left out: {text}" for text in left_out))
    return Network(graph=graph, name=path.name, said=said, in_zoo=False)


def _read(path: Path) -> tuple[Graph, tuple[str, ...]]:
    if path.suffix == ".npz":
        return load_graph(path), ()
    made = import_tflite(path)
    return made.graph, made.left_out


def _with_own_head(graph: Graph, *, trains: bool) -> tuple[Graph, str]:
    """The network with its last layer as a head; without one it trains to reproduce an int8 map, or only infers."""
    try:
        return trainable(graph), "the head of the file"
    except InputError as fault:
        if not trains:
            return graph, "no head: its outputs are those of the file"
        if graph.tensor(graph.ops[-1].y).size == graph.input.size:
            return graph, "no head: it trains to reproduce its input"
        text = f"{fault.faults[0].text}; or name --classes for a new head"
        raise InputError.one(graph.name, text) from fault


# --- schemes ---------------------------------------------------------------------------------------------------


def chosen(net: Network, scheme: str, terms: Terms) -> Choice:
    """A scheme by its name on a network. InputError for one that this network cannot have."""
    recipe = terms.recipe if net.graph.has_head else replace(terms.recipe, loss=Loss.SQUARED_ERROR)
    return named_scheme(net.graph, scheme, recipe=recipe)


def planned(
    net: Network, scheme: str, terms: Terms, *, effort: Effort = Effort.QUICK, progress: Progress | None = None
) -> Planned:
    """The plan of a scheme by its name; InputError as chosen. effort: to place it. progress: as best_plan tells it."""
    choice = chosen(net, scheme, terms)
    plan = best_plan(
        choice.graph, choice.scheme, budget_bytes=terms.budget_bytes, input_streamed=terms.input_streamed,
        effort=effort, progress=progress,
    )  # fmt: skip
    floor = floor_beside(plan.graph, plan.scheme, terms)
    return Planned(name=scheme, plan=plan, floor=floor, definitions=definitions(plan))


def floor_beside(graph: Graph, scheme: Scheme, terms: Terms) -> Floor:
    """What lives at the turn in the node's own memory: a streamed window is not in it."""
    floor = floor_of(graph, scheme)
    window = kept_bytes(graph, scheme).get(graph.input.name, 0) if terms.input_streamed else 0
    return replace(floor, slices_bytes=floor.slices_bytes - window)


def on_board(found: Planned, profile: Profile) -> OnBoard:
    """The lines of a plan on a board, no window log among them, and what a step costs there."""
    return OnBoard(
        planned=found, ledger=ledger(found.plan, profile), cost=step_cost(profile, training_counts(found.plan))
    )


def check_budget(found: Planned, terms: Terms) -> None:
    """DoesNotFit when the plan takes more than was allowed."""
    if terms.budget_bytes is not None and found.size_bytes > terms.budget_bytes:
        plan, floor = found.plan, found.floor.total_bytes
        text = (
            f"--budget: expected at most {terms.budget_bytes:,} B, got {found.size_bytes:,} B of '{found.name}', "
            f"{found.size_bytes - terms.budget_bytes:,} B over (trained state {plan.state_bytes:,}, arena "
            f"{plan.arena_bytes:,}); "
        )
        below = "no plan of this scheme can: " if floor > terms.budget_bytes else ""
        raise DoesNotFit(f"{text}{below}{floor:,} B live at the turn from forward to backward; train less")
