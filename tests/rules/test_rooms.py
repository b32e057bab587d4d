"""Who may import whom: rooms from low to high, and inside node/ likewise. Drawn in fleet/DESIGN.md."""

from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.rules.tree import Import, imports, module_name, python_files, shown

ROOMS = ("base", "record", "node", "learning", "scenario", "world", "federation", "run", "report", "cli")
NODE_ROOMS = (
    "profile", "cost", "flash", "model", "plan", "engine", "wire", "protocol", "backend", "export", "twin",
)  # fmt: skip

FLEET = python_files("fleet/")
MODULES = {module_name(path): path for path in FLEET}


def place(module: str) -> tuple[int, int]:
    """How high a module lives: its room, and inside node/ its room there. The menu of fleet is above all."""
    parts = module.split(".")[1:]
    if not parts or parts[0] == "__main__":
        return len(ROOMS), 0
    room = "cli" if parts[0].startswith("cli") else parts[0]
    inside = NODE_ROOMS.index(parts[1]) if room == "node" and len(parts) > 1 else 0
    return ROOMS.index(room), inside


def target(name: str) -> str:
    """The module that `from a.b import c` reads: a.b.c where that is one, else a.b."""
    while name not in MODULES and "." in name:
        name = name.rpartition(".")[0]
    return name


def ours(path: Path) -> list[tuple[Import, str]]:
    return [(found, target(found.name)) for found in imports(path) if found.name.split(".")[0] == "fleet"]


def test_every_file_lives_in_a_room_that_is_on_the_list() -> None:
    homeless = []
    for path in FLEET:
        top, _, rest = shown(path).removeprefix("fleet/").partition("/")
        known = top.removesuffix(".py").startswith(("cli", "__init__", "__main__")) or (top in ROOMS and rest)
        inside = rest.split("/")[0].removesuffix(".py")
        if not known or (top == "node" and inside not in (*NODE_ROOMS, "__init__")):
            homeless.append(shown(path))
    assert homeless == [], "one question tells where a line lives: fleet/DESIGN.md"


def test_a_room_imports_only_rooms_before_it() -> None:
    climbing = [
        f"{shown(path)}:{found.line} imports {found.name}"
        for path in FLEET
        for found, into in ours(path)
        if into != "fleet" and place(into) > place(module_name(path))
    ]
    assert climbing == []


def test_rooms_read_nothing_but_the_version_from_the_menu() -> None:
    """The command line stands beside the menu and may read it."""
    through_the_front = [
        f"{shown(path)}:{found.line} imports {found.name}"
        for path in FLEET
        for found, into in ours(path)
        if into == "fleet" and found.name != "fleet.__version__" and not shown(path).startswith("fleet/cli")
    ]
    assert through_the_front == []


def test_importing_a_package_that_holds_rooms_opens_none_of_them() -> None:
    """`import fleet` must stay cheap, and fleet.node.profile must not pay for fleet.node.twin."""
    menus = [path for path in FLEET if shown(path) in ("fleet/__init__.py", "fleet/node/__init__.py")]
    opened = [f"{shown(path)}:{found.line}" for path in menus for found, _ in ours(path) if found.eager]
    assert opened == []


def test_no_two_modules_import_each_other_on_any_way() -> None:
    """The menu is left out: it names rooms, and rooms read its version."""
    graph = {module_name(path): {into for _, into in ours(path)} - {"fleet", module_name(path)} for path in FLEET}
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as cycle:
        raise AssertionError(f"these import each other in a circle: {' <- '.join(cycle.args[1])}") from cycle
    assert len(order) >= len(FLEET)


def test_studies_read_the_package_and_the_package_reads_no_study() -> None:
    upward = [
        f"{shown(path)}:{found.line} imports {found.name}"
        for path in FLEET
        for found in imports(path)
        if found.name.split(".")[0] in ("analysis", "tests", "devices", "scenarios")
    ]
    assert upward == []


def test_folders_of_inputs_hold_no_python() -> None:
    """They would be importable names in everybody's site-packages."""
    assert [shown(path) for path in python_files("devices/", "scenarios/")] == []
