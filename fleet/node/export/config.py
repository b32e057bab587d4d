"""data/fe_config.h: what of the engine a project compiles, wherever it is compiled. fe.h includes it."""

from fleet.node.export.c_data import LICENCE, MADE
from fleet.node.export.kinds import Kind
from fleet.node.export.steps import static_header
from fleet.node.export.target import uses_of
from fleet.node.plan.plan import Plan


def config_header(plan: Plan, *, name: str, kind: Kind) -> str:
    """The text of data/fe_config.h. A definition on the command line goes before the one here."""
    lines = [f"{LICENCE} * {name}: the parts of the engine that this node uses.\n{MADE}"]
    lines += ["#ifndef FE_CONFIG_H", "#define FE_CONFIG_H", ""]
    for flag in uses_of(plan):
        macro, _, value = flag.removeprefix("-D").partition("=")
        lines += [f"#ifndef {macro}", f"#define {macro} {value}", "#endif"]
    if kind is Kind.STATIC:
        lines += ["", "#define FE_PROFILE_STATIC 1", "", static_header(plan).rstrip("\n")]
    return "\n".join([*lines, "", "#endif", ""])
