"""Every third-party package has one owner: replacing it means opening one room."""

import re
import sys
import tomllib

from tests.rules.tree import ROOT, files, imports, python_files, shown

# import name -> (distribution, the places that may import it)
OWNERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "numpy": ("numpy", ("fleet/",)),
    "yaml": ("pyyaml", ("fleet/base/",)),
    "pydantic": ("pydantic", ("fleet/base/",)),
    "pydantic_core": ("pydantic", ("fleet/base/",)),
    "pandas": ("pandas", ("fleet/record/",)),
    "pyarrow": ("pyarrow", ("fleet/record/",)),
    "torch": ("torch", ("fleet/node/model/torch/",)),
    "ziglang": ("ziglang", ("fleet/node/engine/build.py", "fleet/node/twin/")),
    "detools": ("detools", ("fleet/node/protocol/patch.py",)),
    "cryptography": ("cryptography", ("fleet/node/protocol/",)),
    "unicorn": ("unicorn", ("fleet/node/twin/",)),
    "capstone": ("capstone", ("fleet/node/twin/",)),
    "elftools": ("pyelftools", ("fleet/node/twin/",)),
    "simpy": ("simpy", ("fleet/world/",)),
    "serial": ("pyserial", ("fleet/federation/links/",)),
    "flwr": ("flwr", ("fleet/federation/",)),
    "pvlib": ("pvlib", ("fleet/world/harvest/sun.py",)),
    "plotly": ("plotly", ("fleet/report/",)),
    "typer": ("typer", ("fleet/cli",)),
    "rich": ("rich", ("fleet/cli",)),
    "scipy": ("scipy", ("fleet/node/plan/",)),
}
FOREIGN = [
    (path, found, found.name.split(".")[0])
    for path in python_files("fleet/")
    for found in imports(path)
    if found.name.split(".")[0] not in {*sys.stdlib_module_names, "fleet"}
]


def test_a_third_party_package_is_imported_by_its_owner_only() -> None:
    strays = [
        f"{shown(path)}:{found.line} imports {found.name}"
        for path, found, top in FOREIGN
        if top not in OWNERS or not shown(path).startswith(OWNERS[top][1])
    ]
    assert strays == []


def test_torch_is_loaded_by_those_who_ask_for_it() -> None:
    """It is an extra: only functions may reach for the room that needs it."""
    eager = [
        f"{shown(path)}:{found.line} imports {found.name}"
        for path in python_files("fleet/")
        for found in imports(path)
        if found.eager and found.name.startswith("fleet.node.model.torch")
        if not shown(path).startswith("fleet/node/model/torch/")
    ]
    assert eager == []


def test_what_is_imported_is_declared_and_what_is_declared_is_used() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    listed = [*project["dependencies"], *extras["solar"], *extras["torch"], *extras["ota"]]
    declared = {re.split(r"[^A-Za-z0-9_-]", line, maxsplit=1)[0] for line in listed}
    named = "\n".join(path.read_text(encoding="utf-8") for path in python_files("fleet/"))
    used = {OWNERS[top][0] for _, _, top in FOREIGN if top in OWNERS}
    used |= {"ziglang"} if "ziglang" in named else set()  # a program, asked for by name and not always imported
    assert declared == used


def test_every_declared_package_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]
    declared = {_canonical(re.split(r"[^A-Za-z0-9_.-]", line)[0]) for line in [*project["dependencies"], *extras]}
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line.partition("==") for line in lines if line and not line.startswith("#")]
    assert all(version and "@" not in version for _, _, version in pinned), "only `name==version` belongs there"
    assert declared - {_canonical(name) for name, _, _ in pinned} == set()


def test_no_package_is_copied_into_the_tree() -> None:
    """Licences and updates would be ours to follow."""
    assert [shown(path) for path in files() if {"vendor", "third_party", "_vendor"} & set(path.parts)] == []


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
