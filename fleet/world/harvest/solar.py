"""A solar panel: clear sky, clouds of its region, area and efficiency, hour by hour."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fleet.world.harvest.clouds import passes_permille
from fleet.world.harvest.sun import HOURS, clear_year_w_m2

HOUR_US: Final = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Solar:
    """Time 0 is midnight of the local sun at the start of `day` (1 is 1 January). Years have 365 days.

    efficiency_permille: of the panel, from light to what it offers its charger. seed, region: whose clouds.
    """

    area_mm2: int
    latitude_deg: float
    seed: int
    day: int = 172
    tilt_deg: float = 0.0
    efficiency_permille: int = 200
    region: int = 0
    clouds: bool = True

    def power_nw(self, time_us: int) -> int:
        """Power in the hour of a moment: W/m2 x mm2 = uW."""
        hour = time_us // HOUR_US
        clear_uw = int(self.clear_w_m2()[((self.day - 1) * 24 + hour) % HOURS]) * self.area_mm2
        passes = passes_permille(self.seed, self.region, hour) if self.clouds else 1000
        return clear_uw * self.efficiency_permille * passes // 1000

    def until_us(self, time_us: int) -> int:
        """The next full hour."""
        return (time_us // HOUR_US + 1) * HOUR_US

    def clear_w_m2(self) -> NDArray[np.int64]:
        """Light on the panel under a clear sky for each hour of a year from 1 January on."""
        return clear_year_w_m2(self.latitude_deg, self.tilt_deg)
