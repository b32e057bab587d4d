"""RV32IMC in Unicorn."""

from capstone import CS_ARCH_RISCV, CS_MODE_RISCV32, CS_MODE_RISCVC, Cs
from unicorn import UC_ARCH_RISCV, UC_MODE_RISCV32, Uc
from unicorn.riscv_const import (
    UC_RISCV_REG_A0,
    UC_RISCV_REG_A1,
    UC_RISCV_REG_A2,
    UC_RISCV_REG_A3,
    UC_RISCV_REG_PC,
    UC_RISCV_REG_RA,
    UC_RISCV_REG_SP,
)

from fleet.node.twin.architecture import Architecture
from fleet.node.twin.blocks import Registers
from fleet.node.twin.image import Image


def _machine() -> Uc:
    return Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)


def _reset(image: Image) -> tuple[int, int]:
    """No vector table says it: the first instruction is the entry, which sets its own stack pointer."""
    return 0, image.function("fe_reset_handler").address


def _disassembler() -> Cs:
    return Cs(CS_ARCH_RISCV, CS_MODE_RISCV32 | CS_MODE_RISCVC)


RISCV = {
    "rv32imc": Architecture(
        machine=_machine,
        # RISC-V calling conventions, integer registers
        arguments=(UC_RISCV_REG_A0, UC_RISCV_REG_A1, UC_RISCV_REG_A2, UC_RISCV_REG_A3),
        result=UC_RISCV_REG_A0, counter=UC_RISCV_REG_PC,
        registers=Registers(second=UC_RISCV_REG_A1, link=UC_RISCV_REG_RA, stack=UC_RISCV_REG_SP), code_bit=0,
        ranges=(), reset=_reset, disassembler=_disassembler,
    )
}  # fmt: skip
