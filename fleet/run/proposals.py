"""Schemes to propose for a network: those that a table lists, and the largest that a board holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fleet.base.errors import InputError
from fleet.node.model.graph import Graph
from fleet.node.model.recipe import Exponents, Gradients, Recipe
from fleet.node.model.scheme import Layout, layout_of
from fleet.node.model.schemes import PUBLISHED_SCHEMES
from fleet.node.model.schemes.outline import Part, outline
from fleet.node.plan.ledger import node_room
from fleet.node.profile import FLASH, Profile, available, boards, load_profile
from fleet.run.plans import Network, OnBoard, Said, Terms, chosen, floor_beside, network, on_board, planned

LAST: Final = 12  # layers of the published baseline `last_k`
SHARE: Final = "1/4"  # of the input channels of a pointwise layer, where nothing was published
SMALLER: Final = ((3, 4), (1, 2), (3, 8), (1, 4))  # shares of a side to propose
MOST_CHANGES: Final = 2


def listed(graph: Graph) -> list[str]:
    """Schemes for a table, from the head alone to everything; some may be impossible for this network."""
    layers = len(outline(graph).layers)
    counts = [count for count in (1, 2, 4, 8, LAST, 16, 32) if count < layers]
    return [
        "head",
        *(f"bias:{count}" for count in counts if count > 1),
        "bias",
        *_sparse(graph),
        *(f"last_k:{count}" for count in counts),
        "lite_residual", "bn", "full",
    ]  # fmt: skip


def _sparse(graph: Graph) -> Iterator[str]:
    """The published ones, or for other nets the biases of the last layers and a share of their pointwise weights."""
    if graph.name in PUBLISHED_SCHEMES:
        yield from (f"sparse:{label}" for label in PUBLISHED_SCHEMES[graph.name])
        return
    layers = outline(graph).layers
    for count in (4, 8, LAST):
        first = len(layers) - count
        chosen = [f"{number}={SHARE}" for number, part in enumerate(layers) if number >= first and _pointwise(part)]
        if first >= 0 and chosen:
            yield ",".join([f"sparse:{count}", *chosen])


def _pointwise(part: Part) -> bool:
    return not part.depthwise and part.kernel == (1, 1)


# --- the largest that fits -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Search:
    """For the scheme of most trained values that a board holds. said: told what is being planned."""

    net: Network
    terms: Terms
    profile: Profile
    said: Said

    def largest(self) -> OnBoard | None:
        """Over all schemes that have a name; None when not even the head fits."""
        best = self.tried("head")
        if best is None:
            return None
        for family in _families(self.net.graph):
            best = self._last_that_fits([text for text in family if self._larger(text, best)], best)
        return best

    def _last_that_fits(self, family: Sequence[str], best: OnBoard | None) -> OnBoard | None:
        """By halving: a scheme of a family needs no less than those before it."""
        low, high = 0, len(family)
        while low < high:
            middle = (low + high) // 2
            found = self.tried(family[middle])
            if found is not None:
                best, low = found, middle + 1
            else:
                high = middle
        return best

    def _larger(self, text: str, best: OnBoard | None) -> bool:
        """Whether a scheme trains more than the best so far, and could fit by what no plan does without."""
        try:
            found = chosen(self.net, text, self.terms)
        except InputError:
            return False
        layout = layout_of(found.graph, found.scheme)
        if best is not None and layout.size <= best.planned.plan.layout.size:
            return False
        room = self._room(layout, found.scheme.recipe)
        return floor_beside(found.graph, found.scheme, self.terms).total_bytes <= room

    def tried(self, text: str) -> OnBoard | None:
        """A scheme on the board, if it fits: with the first plan that is small enough."""
        self.said(f"looking for the largest scheme that fits: {text}")
        choice = chosen(self.net, text, self.terms)
        layout = layout_of(choice.graph, choice.scheme)
        terms = replace(self.terms, budget_bytes=max(self._room(layout, choice.scheme.recipe), 0))
        found = on_board(planned(self.net, text, terms), self.profile)
        return found if found.fits else None

    def _room(self, layout: Layout, recipe: Recipe) -> int:
        """Bytes for trained state and arena: what the other lines of a ledger leave."""
        return node_room(self.profile, layout, recipe, streamed=self.terms.input_streamed)


def _families(graph: Graph) -> Iterator[list[str]]:
    layers = len(outline(graph).layers)
    yield ["full"]
    yield [f"last_k:{count}" for count in range(1, layers + 1)]
    yield list(_sparse(graph))
    yield ["lite_residual"]
    yield ["bn"]
    yield [f"bias:{count}" for count in range(1, layers + 1)]


# --- what else would make it fit ---------------------------------------------------------------------------------


def changes(search: Search) -> list[str]:
    """At most two options of the command line with which at least the head fits."""
    found: list[str] = []
    for text, other in _ways(search):
        if len(found) < MOST_CHANGES and not _covered(text, found) and other.tried("head") is not None:
            found.append(text)
    return found


def _covered(text: str, found: Sequence[str]) -> bool:
    """Whether another value of the same option was found."""
    return any(text.split(maxsplit=1)[0] == other.split()[0] for other in found)


def _ways(search: Search) -> Iterator[tuple[str, Search]]:
    terms = search.terms
    if not terms.input_streamed:
        yield "--input streamed", replace(search, terms=replace(terms, input_streamed=True))
    if terms.recipe.gradients is Gradients.INT8 and terms.recipe.exponents is Exponents.DYNAMIC:
        recipe = replace(terms.recipe, exponents=Exponents.STATIC)
        yield "--exponents static", replace(search, terms=replace(terms, recipe=recipe))
    if search.net.in_zoo:
        yield from ((f"--resolution {net.graph.input.shape[0]}", replace(search, net=net)) for net in _smaller(search))
    yield from ((f"--device {profile.board}", replace(search, profile=profile)) for profile in _larger(search.profile))


def _larger(profile: Profile) -> list[Profile]:
    """Boards with more of SRAM or flash, those that an image can be built for first, the smallest first."""
    sram, flash = _room(profile)
    others = [load_profile(board) for board in boards() if board != profile.board]
    larger = [other for other in others if _room(other)[0] > sram or _room(other)[1] > flash]
    return sorted(larger, key=lambda other: (not other.can_build, _room(other)))


def _room(profile: Profile) -> tuple[int, int]:
    """Bytes of SRAM and of flash that reservations leave."""
    return sum(bank.size_bytes for bank in profile.sram_banks), available(profile, FLASH)


def _smaller(search: Search) -> Iterator[Network]:
    graph = search.net.graph
    classes = graph.classes if graph.has_head else None
    for part, of in SMALLER:
        yield network(search.net.name, classes=classes, side=max(1, graph.input.shape[0] * part // of))
