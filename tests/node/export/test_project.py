"""An exported project: the package's sources, generated data, the board's port; the same bytes every time."""

import ctypes
import hashlib
import json
import re
import shutil
from dataclasses import replace
from math import prod
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.base.errors import DoesNotFit, InputError
from fleet.base.places import devices_dir, package_data
from fleet.node.export import Trial, export, random_trial
from fleet.node.export.blocks import blocks_of, c_identifier, place_of, value_at
from fleet.node.export.c_data import members, model_source, plan_source, project_header
from fleet.node.export.record import _tactics, _tactics_fields, read_project
from fleet.node.export.texts import filled, link_script
from fleet.node.export.trial import check_trial
from fleet.node.model.fixed import Real, real
from fleet.node.model.graph_file import graph_bytes
from fleet.node.model.scheme import build_scheme
from fleet.node.plan import Plan, plan_of
from fleet.node.plan.ledger import ledger
from fleet.node.plan.tactics import Tactics
from fleet.node.profile import Profile, boards, load_profile, usable
from tests.node.model.nets import Builder, graphs, imu_net, schemes

C_TYPES = {"int8_t": ctypes.c_int8, "uint8_t": ctypes.c_uint8, "uint16_t": ctypes.c_uint16, "int32_t": ctypes.c_int32}
BOARDS = [board for board in boards() if load_profile(board).can_build]


@pytest.fixture(scope="module")
def plan() -> Plan:
    graph = imu_net()
    return plan_of(graph, build_scheme(graph, "sparse"))


@pytest.fixture(scope="module")
def nrf() -> Profile:
    return load_profile("nrf52840")


@pytest.fixture(scope="module")
def project(plan: Plan, nrf: Profile, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(plan, nrf, out=tmp_path_factory.mktemp("made") / "node", name="node")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_plan_exports_the_same_bytes(plan: Plan, nrf: Profile, project: Path, tmp_path: Path) -> None:
    again = export(plan_of(imu_net(), plan.scheme), nrf, out=tmp_path / "other place", name="node")
    assert contents(again) == contents(project)


def test_engine_and_client_are_the_packages_own_files(project: Path) -> None:
    made = contents(project)
    own = {f"engine/{p.name}": p.read_bytes() for p in package_data("node", "engine", "src").glob("*.[ch]")}
    own |= {f"node/{p.name}": p.read_bytes() for p in package_data("node", "engine", "node").glob("*.[ch]")}
    assert {place: made[place] for place in made if place.startswith(("engine/", "node/"))} == own
    assert {"engine/fe_run.c", "engine/fe_frame.c", "node/fe_client.c"} <= own.keys()


def test_the_manifest_holds_the_digest_of_every_file(project: Path) -> None:
    lines = (project / "MANIFEST").read_text().splitlines()
    listed = {place: digest for digest, place in (line.split("  ") for line in lines)}
    made = contents(project)
    del made["MANIFEST"]
    assert listed == {place: hashlib.sha256(content).hexdigest() for place, content in made.items()}


def test_no_exported_file_names_this_machine(project: Path, checkout: Path) -> None:
    assert [place for place, content in contents(project).items() if str(checkout).encode() in content] == []


def test_every_c_file_names_its_licence_first(project: Path) -> None:
    sources = [p for p in project.rglob("*") if p.suffix in (".c", ".h", ".ld")]
    assert len(sources) > 25
    assert [p for p in sources if "SPDX-License-Identifier: Apache-2.0" not in p.read_text().partition("\n")[0]] == []


def test_the_project_carries_the_original_model_and_its_own_description(project: Path, plan: Plan) -> None:
    assert (project / "verify" / "model.npz").read_bytes() == graph_bytes(plan.graph)
    found = read_project(project)
    assert (found.name, found.board, found.scheme, found.plan_digest) == ("node", "nrf52840", plan.scheme, plan.digest)
    expected = random_trial(plan)
    assert np.array_equal(found.trial.windows, expected.windows)
    assert np.array_equal(found.trial.labels, expected.labels)
    assert (found.trial.own, found.trial.rate, found.trial.node) == (expected.own, expected.rate, expected.node)


def test_the_readme_shows_the_memory_to_the_byte(project: Path, plan: Plan) -> None:
    text = (project / "README.md").read_text()
    assert f"| ram | arena | {plan.arena_bytes:,} | planned |" in text
    assert "| ram | SoftDevice S140, working memory | 12,288 | reserved, unverified |" in text


@given(st.data())
def test_the_arrays_are_the_model_byte_for_byte(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    rebuilt = bytearray(len(plan.model))
    for block in blocks_of(plan):
        rebuilt[block.offset : block.end] = block.values.tobytes()
    assert bytes(rebuilt) == plan.model
    assert len(set(members(plan))) == len(blocks_of(plan))


@given(st.data())
def test_a_c_compiler_puts_every_array_where_the_plan_looks_for_it(data: st.DataObject) -> None:
    graph = data.draw(graphs())
    plan = plan_of(graph, data.draw(schemes(graph)))
    header = project_header(plan, name="x", seed=0)
    fields = [
        (name, C_TYPES[kind], sizes)
        for kind, name, sizes in re.findall(r"^    (\w+) (\w+)((?:\[\d+\])+);", header, re.MULTILINE)
    ]

    class Model(ctypes.LittleEndianStructure):
        _fields_ = [(name, kind * prod(map(int, re.findall(r"\d+", sizes)))) for name, kind, sizes in fields]

    assert ctypes.sizeof(Model) == len(plan.model)
    assert [getattr(Model, name).offset for name in members(plan)] == [block.offset for block in blocks_of(plan)]


def test_a_byte_of_the_model_is_called_by_tensor_and_index(plan: Plan) -> None:
    blocks = blocks_of(plan)
    op = next(o for o in plan.graph.weighted if o.name == "block4.pw")
    first = plan.scheme.of("block4.pw").channels
    frozen = next(b for b in blocks if b.c_name == "block4_pw_frozen")
    at = frozen.offset + 5 * (op.weight.shape[-1] - first) + 7
    assert place_of(blocks, at) == f"block4.pw weight [5, 0, 0, {first + 7}]"
    assert value_at(blocks, plan.model, at) == op.weight[5, 0, 0, first + 7]
    bias = next(b for b in blocks if b.c_name == "stem_bias")
    assert place_of(blocks, bias.offset + 4 * 3 + 2) == "stem bias [3]"
    assert value_at(blocks, plan.model, bias.offset + 4 * 3 + 2) == plan.graph.weighted[0].bias[3]


@pytest.mark.parametrize("name, c_name", [("block4.pw", "block4_pw"), ("3x3 é", "_3x3__"), ("a_b", "a_b")])
def test_any_name_becomes_one_that_c_allows(name: str, c_name: str) -> None:
    assert c_identifier(name) == c_name


@pytest.mark.parametrize("board", BOARDS)
def test_the_link_script_keeps_to_what_reservations_leave(board: str) -> None:
    profile = load_profile(board)
    template = (devices_dir() / board / "port" / "link.ld.in").read_text()
    graph = imu_net()
    text = link_script(template, ledger(plan_of(graph, build_scheme(graph, "sparse")), profile))
    for bank in [*(b.name for b in profile.banks), "flash"]:
        part = usable(profile, bank)
        assert f"ORIGIN = {part.start:#010x}, LENGTH = {part.size_bytes}" in text


def test_a_template_that_asks_for_an_unknown_bank_is_refused() -> None:
    with pytest.raises(InputError, match=r"board/port: expected one of ram\.start, got '@rom\.start@'; correct"):
        filled("@rom.start@", {"ram.start": "0"}, where="board/port")


def test_a_folder_with_files_is_left_alone(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    (tmp_path / "mine.c").write_text("int x;\n")
    with pytest.raises(InputError, match="expected a new or empty folder, got one with files"):
        export(plan, nrf, out=tmp_path, name="node")
    assert contents(tmp_path) == {"mine.c": b"int x;\n"}


def test_an_empty_folder_is_taken(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    assert (export(plan, nrf, out=tmp_path, name="node") / "Makefile").is_file()


def test_a_board_without_a_port_is_refused(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a board with a port, got nrf52840 without one"):
        export(plan, replace(nrf, can_build=False), out=tmp_path / "x", name="node")


def test_a_core_that_no_firmware_is_built_for_is_refused(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected one of cortex-m0plus.* got 'cortex-m3'"):
        export(plan, replace(nrf, core="cortex-m3"), out=tmp_path / "x", name="node")


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "x;y"])
def test_a_name_that_cannot_name_files_is_refused(plan: Plan, nrf: Profile, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="name: expected letters, digits"):
        export(plan, nrf, out=tmp_path / "x", name=name)


def test_a_plan_that_does_not_fit_is_not_exported(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    small = replace(nrf, banks=(replace(nrf.banks[0], size_bytes=20 * 1024),))
    with pytest.raises(DoesNotFit):
        export(plan, small, out=tmp_path / "x", name="node")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_be_text_and_numbers_are_whole(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    assert (export(plan, nrf, out=str(tmp_path / "x"), name="node") / "Makefile").is_file()
    said = (
        "windows: expected a whole number from 0 up, got '3'.*\nstack_bytes: expected a whole number from 8 up, got 0"
    )
    with pytest.raises(InputError, match=said):
        export(plan, nrf, out=tmp_path / "y", name="node", windows="3", stack_bytes=0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"name: expected letters, digits, .*, got 3; it names files"):
        export(plan, nrf, out=tmp_path / "y", name=3)  # type: ignore[arg-type]


def named(names: tuple[str, ...]) -> Plan:
    """A convolution, a pool and a head with these names."""
    build = Builder(1)
    graph = build.head(build.pool(build.conv(build.input((6, 4, 3)), 4, (3, 3))), 3)
    graph = replace(graph, ops=tuple(replace(op, name=name) for op, name in zip(graph.ops, names, strict=True)))
    return plan_of(graph, build_scheme(graph, "full"))


def test_names_that_end_or_begin_a_comment_stay_in_it() -> None:
    """Names come from a user's file: converters take any text."""
    plan = named(("model/*conv", "pool\nof it", "head*/ #error"))
    for source in (model_source(plan, name="node"), plan_source(plan, name="node")):
        for line in source.splitlines()[5:]:
            assert line.count("/*") == line.count("*/") <= 1, line
            assert "#error" not in line or line.lstrip().startswith("/*")


def test_a_name_that_begins_with_another_is_told_from_it() -> None:
    plan = named(("pw", "pool", "pw 2"))
    blocks = {block.tensor: block.values.shape for block in blocks_of(plan)}
    assert (blocks["pw scale mantissa"], blocks["pw 2 scale mantissa"]) == ((4,), (3,))


def trial_with(plan: Plan, **changed: object) -> Trial:
    return replace(random_trial(plan), **changed)  # type: ignore[arg-type]


def test_a_trial_of_other_data_is_refused(plan: Plan, nrf: Profile, tmp_path: Path) -> None:
    other = trial_with(plan, windows=np.zeros((50, 50, 1, 5), np.int8))
    with pytest.raises(InputError, match=r"trial.windows: expected int8 windows of \(50, 1, 6\)"):
        export(plan, nrf, out=tmp_path / "x", name="node", trial=other)
    with pytest.raises(InputError, match=r"trial.labels: expected a label of \[0, 1\]"):
        export(plan, nrf, out=tmp_path / "x", name="node", trial=trial_with(plan, own=(0, 1)))
    with pytest.raises(InputError, match=r"trial.own: expected classes 0 to 6, got \[0, 7\]"):
        export(plan, nrf, out=tmp_path / "x", name="node", trial=trial_with(plan, own=(0, 7)))


def test_more_classes_than_a_label_tells_apart_are_refused() -> None:
    build = Builder(1)
    graph = build.head(build.input((1, 1, 8)), 257)
    plan = plan_of(graph, build_scheme(graph, "head"))
    with pytest.raises(InputError, match=r"trial.labels: expected a network of at most 256 classes, .* got 257; give"):
        check_trial(plan, random_trial(plan))


@pytest.mark.parametrize(
    "field, value, said",
    [
        ("seed", -1, "expected a whole number from 0 to 18446744073709551615, got -1"),
        ("seed", 2**64, "expected a whole number from 0 to 18446744073709551615, got 18446744073709551616"),
        ("node", 2**32, "expected a whole number from 0 to 4294967295, got 4294967296"),
        ("steps", 65536, "expected a whole number from 0 to 65535, got 65536"),
        ("steps", 50.0, "expected a whole number from 0 to 65535, got 50.0"),
        ("rate", 0.1, r"expected a Real below 2\^31, got 0.1; make it with real\(0.01\)"),
        ("rate", real(2.0**31), r"expected a Real below 2\^31, got Real\(mant=1073741824, exp=32\)"),
        ("rate", Real(10**12, 2), r"expected a Real below 2\^31"),
        ("rate", Real(1.5, 2), r"expected a Real below 2\^31"),  # type: ignore[arg-type]
        ("labels", np.zeros(49, np.uint8), r"expected 50, one per window, got \[49\]"),
    ],
)
def test_a_trial_that_firmware_cannot_be_told_is_refused(plan: Plan, field: str, value: object, said: str) -> None:
    with pytest.raises(InputError, match=rf"trial\.{field}: {said}"):
        check_trial(plan, trial_with(plan, **{field: value}))


@pytest.mark.parametrize(
    "damage",
    ["{", '{"format": "mcufleet-project", "version": 2}', "[]", "[" * 100_000],
    ids=["cut short", "without fields", "a list", "deep"],
)
def test_a_damaged_description_is_refused_without_a_traceback(project: Path, tmp_path: Path, damage: str) -> None:
    (tmp_path / "verify").mkdir()
    (tmp_path / "verify" / "project.json").write_text(damage)
    with pytest.raises(InputError, match="expected the description of a project, got"):
        read_project(tmp_path)


@pytest.mark.parametrize("field, value", [("stack_bytes", "1024"), ("log_windows", 0.5), ("board", 7), ("name", None)])
def test_a_description_of_other_types_is_refused(project: Path, tmp_path: Path, field: str, value: object) -> None:
    shutil.copytree(project / "verify", tmp_path / "verify")
    path = tmp_path / "verify" / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(InputError, match=f"expected the description of a project, got ValueError: {field} "):
        read_project(tmp_path)


def test_tactics_are_read_as_they_were_written() -> None:
    used = Tactics(
        order=(1, 0, 2), segments=((0, 2),), over=(("dw", "stem"),), by_channels=frozenset({"pw"}), input_streamed=True,
        slices=True,
    )  # fmt: skip
    assert _tactics(json.loads(json.dumps(_tactics_fields(used)))["tactics"]) == used


@pytest.mark.parametrize(
    "field, value",
    [
        ("stack_bytes", -4),
        ("log_windows", -1),
        ("tactics", {"segments": [], "over": [[1, "a"]], "by_channels": [], "input_streamed": True, "slices": True}),
        ("tactics", {"segments": [["a", 2]], "over": [], "by_channels": [], "input_streamed": True, "slices": 1}),
    ],
)
def test_a_description_of_impossible_numbers_is_refused(
    project: Path, tmp_path: Path, field: str, value: object
) -> None:
    shutil.copytree(project / "verify", tmp_path / "verify")
    path = tmp_path / "verify" / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(InputError, match=f"expected the description of a project, got ValueError: .*{field} "):
        read_project(tmp_path)


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a project made by `fleet export`"):
        read_project(tmp_path)
