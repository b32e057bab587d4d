"""Published speed and energy of three networks on real boards: MLPerf Tiny v1.1, closed division.

Read in `mlcommons/tiny_results_v1.1` at c32ef94d1942, `closed/SUBMITTER/results/SYSTEM/NETWORK/{performance,energy}/
results.txt`, the medians; clocks, supplies and runtimes in `closed/SUBMITTER/systems/SYSTEM.json`. The runtimes are
other people's: their kernels are not ours, so what these figures can say of our engine is how boards compare and what
a board draws, and whether one factor carries from network to network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

NETWORKS: Final = ("ic", "vww", "kws")
"""ResNet-8 on 32x32x3, MobileNetV1 0.25 on 96x96x3, DS-CNN on 49x10x1, in int8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One board with one runtime. board: our profile of it.

    speed: thousandths of inferences a second, by network. energy: nanojoules of one inference, and its run's speed.
    supply_mv: 0 where no energy was measured. linear: the core's regulator is an LDO, so that its current is the
    supply's whatever the voltage; else the power is what stays.
    """

    submitter: str
    system: str
    board: str
    runtime: str
    clock_hz: int
    speed: Mapping[str, int]
    energy: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    supply_mv: int = 0
    linear: bool = False

    def cycles(self, network: str) -> Fraction:
        """Core cycles of one inference."""
        return Fraction(self.clock_hz * 1000, self.speed[network])

    def power_nw(self, network: str) -> Fraction:
        """Mean power of the chip while it infers, in nanowatts: energy of one inference times inferences a second."""
        energy_nj, speed = self.energy[network]
        return Fraction(energy_nj * speed, 1000)


_ST: Final = ("STMicroelectronics", "X-CUBE-AI 8.1.0")
_PLUMERAI: Final = ("plumerai", "Plumerai 2023.05")
_BOSCH: Final = ("bosch", "HALE 1.0")
_KRAI: Final = ("Krai", "microTVM with CMSIS-NN")
_L4R5: Final = ("stm32l4r5", 120_000_000)
_U575: Final = ("stm32u585q", 160_000_000)
_H7A3: Final = ("stm32h7a3", 280_000_000)
_F746: Final = ("stm32f746", 216_000_000)
_NRF: Final = ("nrf5340", 128_000_000)


def _row(
    who: tuple[str, str],
    system: str,
    on: tuple[str, int],
    speed: tuple[int, int, int],
    energy: tuple[tuple[int, int], ...] = (),
    supply_mv: int = 0,
    *,
    linear: bool = False,
) -> Submission:
    return Submission(
        submitter=who[0],
        system=system,
        board=on[0],
        runtime=who[1],
        clock_hz=on[1],
        speed=dict(zip(NETWORKS, speed, strict=True)),
        energy=dict(zip(NETWORKS, energy, strict=True)) if energy else {},
        supply_mv=supply_mv,
        linear=linear,
    )


PUBLISHED: Final = (
    _row(
        _ST, "NUCLEO_L4R5ZI", _L4R5, (4_673, 8_425, 15_905),
        ((7_019_085, 4_983), (5_618_279, 8_413), (2_833_138, 15_884)), 1_800, linear=True,
    ),
    _row(
        _ST, "NUCLEO_U575ZI_Q", _U575, (7_800, 13_974, 25_920),
        ((3_383_822, 7_858), (1_920_636, 14_073), (1_004_221, 26_112)), 1_800,
    ),
    _row(
        _ST, "NUCLEO_H7A3ZI_Q", _H7A3, (19_250, 33_751, 65_133),
        ((6_310_692, 19_296), (3_699_351, 33_864), (1_869_384, 65_390)), 3_000,
    ),
    _row(_PLUMERAI, "NUCLEO-L4R5ZI", _L4R5, (5_961, 10_126, 20_929)),
    _row(_PLUMERAI, "NUCLEO-U575ZI-Q", _U575, (9_589, 16_809, 33_286)),
    _row(_PLUMERAI, "NUCLEO-H7A3ZI-Q", _H7A3, (19_636, 37_290, 72_141)),
    _row(_PLUMERAI, "DISCO-F746NG", _F746, (15_904, 29_343, 56_341)),
    _row(_BOSCH, "NUCLEO_L4R5ZI", _L4R5, (5_586, 5_533, 15_954)),
    _row(_BOSCH, "NUCLEO_U575ZI", _U575, (8_493, 8_715, 25_166)),
    _row(_BOSCH, "NUCLEO_H7A3ZI", _H7A3, (21_353, 22_906, 67_956)),
    _row(_BOSCH, "DISCO_F746NG", _F746, (16_242, 17_490, 54_293)),
    _row(_KRAI, "NUCLEO-L4R5ZI_MICROTVM-CMSIS-NN", _L4R5, (2_567, 3_324, 10_019)),
    _row(_KRAI, "NRF5340-DK_MICROTVM-CMSIS-NN", _NRF, (3_146, 4_286, 13_074)),
)  # fmt: skip
