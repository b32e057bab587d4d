"""The project's files as the rules see them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (".ci", "analysis", "devices", "fleet", "scenarios", "tests")
MADE_BY_TOOLS = {"__pycache__", ".hypothesis", ".pytest_cache", ".mypy_cache", ".ruff_cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One name that a file imports. eager: at module level, so that importing the file pays for it."""

    name: str
    line: int
    eager: bool


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, from the root's own to the folders', without what tools leave behind."""
    inside = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    kept = [path for path in inside if not MADE_BY_TOOLS & set(path.parts)]
    return tuple(sorted(path for path in [*ROOT.iterdir(), *kept] if path.is_file() and path.name != ".coverage"))


def python_files(*folders: str) -> tuple[Path, ...]:
    """The Python files under the named folders."""
    return tuple(path for path in files() if path.suffix == ".py" and shown(path).startswith(folders))


def shown(path: Path) -> str:
    """A path as it stands in a message: from the root, with slashes."""
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """fleet/node/model/graph.py -> fleet.node.model.graph; a package is named without __init__."""
    return shown(path).removesuffix(".py").replace("/", ".").removesuffix(".__init__")


@cache
def imports(path: Path) -> tuple[Import, ...]:
    """Everything a file imports, wherever in the file; `from a import b` is a.b."""
    return tuple(_imports(tree(path), eager=True))


def _imports(node: ast.AST, *, eager: bool) -> Iterator[Import]:
    match node:
        case ast.Import():
            for alias in node.names:
                yield Import(name=alias.name, line=node.lineno, eager=eager)
        case ast.ImportFrom():
            for alias in node.names:
                yield Import(name=f"{node.module}.{alias.name}", line=node.lineno, eager=eager)
        case _:
            later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            later |= isinstance(node, ast.If) and dotted(node.test) == "TYPE_CHECKING"
            for child in ast.iter_child_nodes(node):
                yield from _imports(child, eager=eager and not later)


def dotted(node: ast.AST) -> str:
    """np.random.rand of an expression like that; an empty text for any other expression."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            owner = dotted(node.value)
            return f"{owner}.{node.attr}" if owner else ""
        case _:
            return ""


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, methods and inner ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, docstring included, decorators not."""
    return (function.end_lineno or function.lineno) - function.lineno + 1
