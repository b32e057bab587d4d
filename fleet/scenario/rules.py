"""Checks across keys of a scenario. Each sees the parts that are valid by themselves and yields (path, text).

Text: 'expected …, got …; what to do'. What needs the data itself is in `data_rules`.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from fleet.base import units
from fleet.base.declared import Found, Rule
from fleet.base.errors import InputError
from fleet.base.units import TIME_US
from fleet.base.yaml import KeyPath
from fleet.node.model.zoo import Kind, NetSpec, zoo_net
from fleet.node.profile import load_profile
from fleet.scenario import names
from fleet.scenario.energy_rules import ENERGY_RULES
from fleet.scenario.radio_rules import RADIO_RULES
from fleet.scenario.schema import HoldOut, SchemeChoice, beside, is_class_path
from fleet.scenario.training_rules import TRAINING_RULES
from fleet.scenario.updates import updates_are_told_apart, updates_begin_in_time

Said = Iterator[tuple[KeyPath, str]]

DRAW: KeyPath = ("data", "draw")
HOLD_OUT: KeyPath = ("data", "hold_out")
SCHEME: KeyPath = ("training", "scheme")


def _something_trains(found: Found) -> Said:
    """The head trains in every scheme; a scheme that adds nothing to it under another name is a mistake."""
    scheme = found.get(SCHEME)
    if not isinstance(scheme, SchemeChoice):
        return
    weights = scheme.layers > 0 and scheme.ratio > 0
    trains = {
        "sparse": weights or scheme.blocks > 0,
        "bias": scheme.blocks > 0,
        "last_k": scheme.layers > 0,
    }
    if not trains.get(scheme.kind, True):
        used = names.SCHEME_PARAMETERS[scheme.kind]
        got = ", ".join(f"{name} {getattr(scheme, name)}" for name in used)
        text = f"expected a scheme that trains something, got {scheme.kind} with {got}; raise one, or take `head`"
        yield SCHEME, text


def _scheme_parameters_are_used(found: Found) -> Said:
    kind = found.get((*SCHEME, "kind"))
    if not isinstance(kind, str):
        return
    used = names.SCHEME_PARAMETERS[kind]
    if kind == "named" and not found.get((*SCHEME, "name")):
        yield (*SCHEME, "name"), "expected a scheme in one word with named, got none; write it, such as sparse:100kb"
    for name in ("layers", "ratio", "blocks", "name"):
        if found.given((*SCHEME, name)) and name not in used:
            known = f"only {', '.join(used)} with {kind}" if used else f"no parameters with {kind}"
            yield (*SCHEME, name), f"expected {known}, got {name}; delete it"


def _scheme_fits_the_net(found: Found) -> Said:
    """No more layers or blocks than the net has."""
    scheme, zoo = found.get(SCHEME), found.get(("model", "zoo"))
    if not isinstance(scheme, SchemeChoice) or not isinstance(zoo, str):
        return
    net = zoo_net(zoo, classes=2)
    for name in names.COUNTED[scheme.kind]:
        most, asked = _most(net, scheme.kind, name), getattr(scheme, name)
        if asked > most:
            yield (*SCHEME, name), f"expected at most {most}, which is all that {zoo} has, got {asked}; lower it"


def _most(net: NetSpec, kind: str, name: str) -> int | Fraction:
    """How much of this parameter a net can give."""
    if name == "ratio":
        return Fraction(1)
    if name == "layers" and kind == "sparse":
        return sum(layer.kind is Kind.CONV and layer.kernel == (1, 1) for layer in net.layers)
    return len({layer.name.partition(".")[0] for layer in net.weighted[:-1]})


def _personal_rate_has_steps(found: Found) -> Said:
    path: KeyPath = ("training", "personal_rate")
    if found.given(path) and path in found and found.get(("training", "personal_steps")) == 0:
        yield path, "expected personal_steps above 0 beside it, got none; add personal_steps, or delete this"


def _holds_out_a_test(found: Found) -> Said:
    hold_out = found.get(HOLD_OUT)
    if not isinstance(hold_out, HoldOut):
        return
    if hold_out.train + hold_out.val >= 1:
        shares = f"train {hold_out.train:.0%} and val {hold_out.val:.0%}"
        yield HOLD_OUT, f"expected train and val below 100 % together, got {shares}; leave a part for the test"
    if hold_out.kind != "within_recording" and found.given((*HOLD_OUT, "gap")):
        yield (*HOLD_OUT, "gap"), f"expected no gap with {hold_out.kind}, got one; delete it"


def _a_node_is_a_persons_side(found: Found) -> Said:
    """The shards of learning/data are one person and side each."""
    node = found.get(("data", "node"))
    if isinstance(node, tuple) and sorted(node) != ["side", "subject"]:
        yield ("data", "node"), f"expected [subject, side], got [{', '.join(node)}]; a node is one side of one person"


def _one_network(found: Found) -> Said:
    """The network is one of the zoo or a file, and a file's weights are its own."""
    keys: dict[str, KeyPath] = {name: ("model", name) for name in ("zoo", "file", "pretrained", "head")}
    if any(keys[name] not in found for name in ("zoo", "file")):
        return
    zoo, file = found[keys["zoo"]], found[keys["file"]]
    if zoo is None and file is None:
        yield ("model",), "expected a network, got none; add `zoo` with a name, or `file` with your own"
    if zoo is not None and file is not None:
        yield keys["file"], f"expected one network, got zoo {zoo} and file {file}; delete one"
    if file is not None and found.given(keys["pretrained"]):
        yield keys["pretrained"], "expected no other weights beside `file`, got some; delete this"
    if file is None and found.given(keys["head"]):
        yield keys["head"], "expected `file` beside it, got none; delete this"


def _shipped_models_fit(found: Found) -> Said:
    """The shipped models were pretrained for ten draws of one setting."""
    if found.get(("model", "pretrained")) != names.SHIPPED or found.get(("model", "file")) is not None:
        return
    if found.get(("data", "path")) is not None:
        text = "expected weights made from your own data, got those that ship"
        yield ("model", "pretrained"), f"{text}; make them with `fleet prepare` and name their file here"
        return
    prepare = "change it, or make a model with `fleet prepare` and name its file in model.pretrained"
    draw = found.get(DRAW)
    if isinstance(draw, int) and draw not in names.SHIPPED_DRAWS:
        last = names.SHIPPED_DRAWS[-1]
        yield DRAW, f"expected 0 to {last}, the draws that models ship for, got {draw}; {prepare}"
    made_for = {"pretrain_people": names.SHIPPED_PEOPLE, "new_classes": names.SHIPPED_NEW_CLASSES}
    for key, value in made_for.items():
        asked = found.get(("data", key))
        if isinstance(asked, int) and asked != value:
            yield ("data", key), f"expected {value}, as the shipped models were made, got {asked}; {prepare}"


def _twins_can_be(found: Found) -> Said:
    """Firmware is built for boards with a port, and is asked for its steps in 16 bits."""
    for path in _groups(found):
        twins, count, board = (found.get((*path, key)) for key in ("twin", "count", "board"))
        if not isinstance(twins, int) or twins == 0:
            continue
        if isinstance(count, int) and twins > count:
            yield (*path, "twin"), f"expected at most {count}, the nodes of the group, got {twins}; lower it"
        if isinstance(board, str) and not _can_build(board):
            text = f"expected a board with a port, got {board} without one; take 0, or add {board}/port to the devices"
            yield (*path, "twin"), text
        yield from _too_many_steps((*path, "twin"), found)


def _can_build(board: str) -> bool:
    try:
        return load_profile(board).can_build
    except InputError:
        return True  # said where the board's radio is looked up


def _too_many_steps(path: KeyPath, found: Found) -> Said:
    for key in ("steps_per_round", "personal_steps"):
        steps = found.get(("training", key))
        if isinstance(steps, int) and steps >= 2**16:
            yield path, f"expected {key} below {2**16}, as a push counts them, got {steps}; lower them, or take 0"


def _rounds_close_before_the_next(found: Found) -> Said:
    timeout = found.get(("server", "timeout"))
    if not isinstance(timeout, int):
        return
    for path in _groups(found):
        every = found.get((*path, "every"))
        if isinstance(every, int) and timeout > every:
            limit, got = units.show(every, TIME_US), units.show(timeout, TIME_US)
            text = f"expected at most {limit}, when the next round opens ({_text(path)}.every), got {got}; shorten it"
            yield ("server", "timeout"), text


def _rounds_open_together(found: Found) -> Said:
    """One server opens one round at a time, for every group."""
    all_every = [(path, found.get((*path, "every"))) for path in _groups(found)]
    known = [(path, every) for path, every in all_every if isinstance(every, int)]
    for path, every in known[1:]:
        if every != known[0][1]:
            first, got = units.show(known[0][1], TIME_US), units.show(every, TIME_US)
            yield (*path, "every"), f"expected {first} as in {_text(known[0][0])}, got {got}; give all groups the same"


def _large_fleets_stay_cheap(found: Found) -> Said:
    """What would take every node of a large fleet out of the cohort, or train all of them, is refused."""
    counts = [found.get((*path, "count")) for path in _groups(found)]
    nodes = sum(count for count in counts if isinstance(count, int))
    if nodes <= names.LARGE:
        return
    compare, steps = found.get(("compare",)), found.get(("training", "personal_steps"))
    large = f"a fleet of at most {names.LARGE:,} nodes"
    if isinstance(compare, tuple) and "alone" in compare:
        yield ("compare",), f"expected {large} for `alone`, which trains all in every round, got {nodes:,}; take it out"
    if isinstance(steps, int) and steps:
        text = f"expected {large} for personal steps, which all nodes make, got {nodes:,}; take 0"
        yield ("training", "personal_steps"), text
    for path in _groups(found):
        kind = found.get((*path, "radio", "kind"))
        if found.get((*path, "report")) is not None and kind not in (None, "lorawan"):
            yield (*path, "report"), f"expected {large} for reports over {kind}, got {nodes:,}; report over lorawan"
        store = found.get((*path, "energy", "store"))
        if isinstance(store, str) and store not in names.LARGE_STORES:
            rows = ", ".join(names.LARGE_STORES)
            yield (*path, "energy", "store"), f"expected {large} for {store}, got {nodes:,}; take one of {rows}"


def _selection_has_a_sample(found: Found) -> Said:
    path: KeyPath = ("server", "select")
    if found.given(path) and path in found and found.get(("server", "sample")) == 0:
        yield path, "expected `sample` above 0 beside it, got none; say how many nodes a round asks, or delete this"


def _a_round_asks_no_more_than_there_are(found: Found) -> Said:
    sample, counts = found.get(("server", "sample")), [found.get((*path, "count")) for path in _groups(found)]
    known = [count for count in counts if isinstance(count, int)]
    if isinstance(sample, int) and len(known) == len(counts) and sample > sum(known) > 0:
        text = f"expected at most {sum(known)}, the nodes of the fleet, got {sample}; lower it, or take 0 for all"
        yield ("server", "sample"), text


def _some_group(found: Found) -> Said:
    if found.get(("fleet",)) == ():
        yield ("fleet",), "expected at least one group of nodes, got none; add one"


def _lines_once(found: Found) -> Said:
    compare = found.get(("compare",))
    if isinstance(compare, tuple) and len(set(compare)) != len(compare):
        yield ("compare",), f"expected each line once, got [{', '.join(compare)}]; delete the second"


def _groups(found: Found) -> list[KeyPath]:
    """Paths of the fleet's groups of which anything is valid, in order."""
    return list(dict.fromkeys(path[:2] for path in found if path[0] == "fleet" and len(path) > 1))


def _text(path: KeyPath) -> str:
    return f"{path[0]}[{path[1]}]"


def own_code(allowed: bool) -> Rule:
    """A strategy named by import path runs the user's code: only when asked for."""

    def rule(found: Found) -> Said:
        strategy = found.get(("server", "strategy"))
        if isinstance(strategy, str) and is_class_path(strategy) and not allowed:
            listed = ", ".join(names.STRATEGIES)
            text = f"expected one of {listed}, got the code '{strategy}'; add --allow-code if you trust it"
            yield ("server", "strategy"), text

    return rule


def pretrained_is_there(scenario: Path | None) -> Rule:
    """A file of weights that is named exists. Not asked when it is about to be made."""

    def rule(found: Found) -> Said:
        pretrained = found.get(("model", "pretrained"))
        if isinstance(pretrained, str) and pretrained != names.SHIPPED:
            file = beside(scenario, Path(pretrained))
            if not file.is_file():
                text = f"expected a file, got none at {file}; correct the path, or make it with `fleet prepare`"
                yield ("model", "pretrained"), text

    return rule


RULES: Sequence[Rule] = (
    _one_network,
    *TRAINING_RULES,
    _something_trains,
    _scheme_parameters_are_used,
    _scheme_fits_the_net,
    _personal_rate_has_steps,
    _holds_out_a_test,
    _a_node_is_a_persons_side,
    _shipped_models_fit,
    *ENERGY_RULES,
    *RADIO_RULES,
    _twins_can_be,
    _rounds_close_before_the_next,
    _rounds_open_together,
    _large_fleets_stay_cheap,
    _selection_has_a_sample,
    _a_round_asks_no_more_than_there_are,
    _some_group,
    updates_are_told_apart,
    updates_begin_in_time,
    _lines_once,
)
