"""Cortex-M in Unicorn: Armv6-M to Armv8-M Mainline without Helium."""

from functools import partial

from capstone import CS_ARCH_ARM, CS_MODE_MCLASS, CS_MODE_THUMB, Cs
from unicorn import UC_ARCH_ARM, UC_MODE_THUMB, Uc
from unicorn.arm_const import (
    UC_ARM_REG_LR,
    UC_ARM_REG_PC,
    UC_ARM_REG_R0,
    UC_ARM_REG_R1,
    UC_ARM_REG_R2,
    UC_ARM_REG_R3,
    UC_ARM_REG_SP,
    UC_CPU_ARM_CORTEX_M0,
    UC_CPU_ARM_CORTEX_M4,
    UC_CPU_ARM_CORTEX_M7,
    UC_CPU_ARM_CORTEX_M33,
)

from fleet.node.twin.architecture import Architecture
from fleet.node.twin.blocks import Registers
from fleet.node.twin.image import Image

SYSTEM = (0xE000E000, 4096)  # system control space (ARMv7-M, B3.2): the start-up switches the FPU on there
ARGUMENTS = (UC_ARM_REG_R0, UC_ARM_REG_R1, UC_ARM_REG_R2, UC_ARM_REG_R3)  # AAPCS, 6.4

# An M0+ has the instructions of an M0; there is no M55 in Unicorn.
MODELS = {
    "cortex-m0plus": UC_CPU_ARM_CORTEX_M0,
    "cortex-m4f": UC_CPU_ARM_CORTEX_M4,
    "cortex-m7f": UC_CPU_ARM_CORTEX_M7,
    "cortex-m33f": UC_CPU_ARM_CORTEX_M33,
}


def _machine(model: int) -> Uc:
    """UC_MODE_MCLASS would silently make every core a Cortex-M33."""
    uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB)
    uc.ctl_set_cpu_model(model)
    return uc


def _reset(image: Image) -> tuple[int, int]:
    """The first two words of the vector table (ARMv7-M, B1.5.3)."""
    vectors = image.content(image.object("fe_vectors"))
    return int.from_bytes(vectors[:4], "little"), int.from_bytes(vectors[4:8], "little")


def _disassembler() -> Cs:
    return Cs(CS_ARCH_ARM, CS_MODE_THUMB | CS_MODE_MCLASS)


CORTEX_M = {
    core: Architecture(
        machine=partial(_machine, model), arguments=ARGUMENTS, result=UC_ARM_REG_R0, counter=UC_ARM_REG_PC,
        registers=Registers(second=UC_ARM_REG_R1, link=UC_ARM_REG_LR, stack=UC_ARM_REG_SP), code_bit=1,
        ranges=(SYSTEM,), reset=_reset, disassembler=_disassembler,
    )
    for core, model in MODELS.items()
}  # fmt: skip
