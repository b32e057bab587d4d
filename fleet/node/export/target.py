"""How a core's firmware is compiled: the flags of the packaged clang, and those of a GNU compiler for the same core."""

from dataclasses import dataclass

from fleet.base.errors import InputError
from fleet.node.engine.build import WARNINGS
from fleet.node.model.recipe import Exponents
from fleet.node.plan.plan import Plan

LEVEL = "-Os"
"""What clang optimises for. Counted on a training step of imu-ds-cnn for a Cortex-M4: against -O2, which unrolls every
loop, 18 % fewer instructions, 29 % fewer loads and 44 % of the code."""

GNU_LEVEL = "-O2"  # with gcc 12 -Os took up to 41 % more instructions on int8 kernels

LANGUAGE = ("-g", *WARNINGS, "-ffp-contract=off", "-ffunction-sections", "-fdata-sections")
"""What both compilers are told. -g: without it clang drops the symbol table at -Os."""

NO_UNWINDING = ("-fno-unwind-tables", "-fno-asynchronous-unwind-tables")
CLANG_ONLY = ("-fno-sanitize=all",)  # ziglang traps undefined behaviour unless told not to
CALLS = (
    "fe_client_push",
    "fe_client_input",
    "fe_client_window",
    "fe_client_train",
    "fe_client_fit",
    "fe_client_infer",
    "fe_client_update",
)
GNU_ONLY = ("-fno-toplevel-reorder",)  # gcc turns the order of objects round, which leaves a gap before fe_runtime
LINK = (
    "-Wl,-e,fe_reset_handler",
    "-Wl,--gc-sections",
    *(f"-Wl,-u,{name}" for name in CALLS),
)  # what a driver calls stays, whatever main uses
ARM_LINK = ("-nostartfiles", "--specs=nosys.specs")
RISCV_LINK = ("-nostartfiles", "-nolibc")  # Debian's has no C library; libgcc comes last, behind the sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A core. clang, gnu: the flags that name it. An FPU is off in clang unless named as a feature.

    gnu_compiler: its command. gnu_link: what it links without a start-up of its own, and with what.
    """

    clang: tuple[str, ...]
    gnu: tuple[str, ...]
    gnu_compiler: str = "arm-none-eabi-gcc"
    gnu_link: tuple[str, ...] = ARM_LINK


def _thumb(clang_cpu: str, gnu_cpu: str, gnu_fpu: str = "") -> Target:
    abi = "eabihf" if gnu_fpu else "eabi"
    fpu = (f"-mfpu={gnu_fpu}",) if gnu_fpu else ()
    floats = ("-mfloat-abi=hard", *fpu) if gnu_fpu else ("-mfloat-abi=soft",)
    return Target(
        clang=("-target", f"thumb-freestanding-{abi}", f"-mcpu={clang_cpu}"),
        gnu=("-mthumb", f"-mcpu={gnu_cpu}", *floats),
    )


TARGETS = {
    "cortex-m0plus": _thumb("cortex_m0plus", "cortex-m0plus"),
    "cortex-m4f": _thumb("cortex_m4+vfp4d16sp", "cortex-m4", "fpv4-sp-d16"),
    "cortex-m7f": _thumb("cortex_m7+fp_armv8d16sp", "cortex-m7", "fpv5-sp-d16"),
    "cortex-m33f": _thumb("cortex_m33+dsp+fp_armv8d16sp", "cortex-m33", "fpv5-sp-d16"),
    "cortex-m55f": _thumb("cortex_m55+fp_armv8d16sp+mve", "cortex-m55", "auto"),  # Helium for integers
    "rv32imc": Target(
        # No small-data section, no objects merged into one: each lies where its own section is put.
        clang=(
            "-target",
            "riscv32-freestanding",
            "-mcpu=generic_rv32+m+c",
            "-msmall-data-limit=0",
            "-mllvm",
            "-enable-global-merge=false",
        ),
        # With zicsr in the name gcc 12 links its 64-bit runtime; version 2.2 of the manual has these instructions in I.
        gnu=("-march=rv32imc", "-misa-spec=2.2", "-mabi=ilp32", "-msmall-data-limit=0", "-ffreestanding"),
        gnu_compiler="riscv64-unknown-elf-gcc",
        gnu_link=RISCV_LINK,
    ),
}


def target(core: str) -> Target:
    """The flags of a core; InputError for one that firmware is not built for."""
    if core not in TARGETS:
        raise InputError.one(
            "core", f"expected one of {', '.join(TARGETS)}, got '{core}'; choose a board with one of these"
        )
    return TARGETS[core]


def clang_flags(core: str, stack_bytes: int, uses: tuple[str, ...]) -> tuple[str, ...]:
    """Flags of `python -m ziglang cc`, before sources and output. uses: from uses_of."""
    declared = (define_stack(stack_bytes), *uses)
    return (*target(core).clang, LEVEL, *LANGUAGE, *CLANG_ONLY, *NO_UNWINDING, *declared, *LINK)


def gnu_flags(core: str, stack_bytes: int, uses: tuple[str, ...]) -> tuple[str, ...]:
    """Flags of the core's GNU compiler, before sources and output. uses: from uses_of."""
    declared, named = (define_stack(stack_bytes), *uses), target(core)
    return (*named.gnu, GNU_LEVEL, *LANGUAGE, *GNU_ONLY, *NO_UNWINDING, *declared, *LINK, *named.gnu_link)


def define_stack(stack_bytes: int) -> str:
    """The declared stack, as the start-up code asks for it."""
    return f"-DFE_STACK_BYTES={stack_bytes}"


def uses_of(plan: Plan) -> tuple[str, ...]:
    """What of the engine a plan uses, as fe.h asks for it; the rest is left out of the image."""
    recipe = plan.scheme.recipe
    codes = sum(1 << code for code in {step.code for step in plan.steps})
    return (
        f"-DFE_FLOAT={int(plan.floats)}",
        f"-DFE_STATIC={int(recipe.exponents is Exponents.STATIC)}",
        f"-DFE_STREAMED={int(plan.tactics.input_streamed)}",
        f"-DFE_CODES={codes:#x}ull",
        f"-DFE_RULES={1 << recipe.rule.number:#x}u",
    )
