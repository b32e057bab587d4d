"""Clear sky: irradiance in whole W/m2 for every hour of a year, through pvlib (extra `solar`).

Haurwitz, "Insolation in relation to cloudiness and cloud density", Journal of Meteorology 2, 1945:
GHI = 1098 cos z exp(-0.059 / cos z) for a zenith angle z below 90 degrees. Hours are of the local sun, and an hour has
the irradiance of its middle; the declination is Cooper's. On a tilted panel that faces the equator: beam and diffuse
light by Erbs, the sky taken as evenly bright, the ground reflecting a quarter. Results are rounded to whole W/m2, so
that a last bit of a cosine does not reach a run.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fleet.base.errors import InputError

HOURS: Final = 365 * 24
Floats = NDArray[np.float64]


def haurwitz_w_m2(zenith_deg: Floats) -> Floats:
    """Global horizontal irradiance under a clear sky, by pvlib."""
    clearsky = _pvlib("clearsky")
    found: Floats = clearsky.haurwitz(clearsky.pd.Series(zenith_deg))["ghi"].to_numpy()
    return found


@lru_cache(maxsize=64)
def clear_year_w_m2(latitude_deg: float, tilt_deg: float = 0.0) -> NDArray[np.int64]:
    """Irradiance of a panel for each of the 8,760 hours from midnight of 1 January on. Read only."""
    position, irradiance = _pvlib("solarposition"), _pvlib("irradiance")
    hours = np.arange(HOURS)
    day = hours // 24 + 1.0
    hour_angle = (hours % 24 + 0.5 - 12.0) * 15.0
    latitude, turn = np.radians(latitude_deg), np.radians(hour_angle)
    declination = position.declination_cooper69(day)
    zenith_rad = position.solar_zenith_analytical(latitude, turn, declination)
    zenith = np.degrees(zenith_rad)
    ghi = haurwitz_w_m2(zenith)
    panel = ghi
    if tilt_deg:
        azimuth = np.degrees(position.solar_azimuth_analytical(latitude, turn, declination, zenith_rad))
        split = irradiance.erbs(ghi, zenith, day)
        facing = 180.0 if latitude_deg >= 0 else 0.0
        beam = split["dni"] * np.maximum(np.cos(np.radians(irradiance.aoi(tilt_deg, facing, zenith, azimuth))), 0.0)
        ground = irradiance.get_ground_diffuse(tilt_deg, ghi, 0.25)
        panel = np.where(ghi > 0, beam + irradiance.isotropic(tilt_deg, split["dhi"]) + ground, 0.0)
    year = np.floor(panel + 0.5).astype(np.int64)
    year.setflags(write=False)
    return year


def _pvlib(part: str) -> Any:
    """A module of pvlib; InputError where it is not installed."""
    try:
        import pvlib
    except ImportError as error:
        text = "expected pvlib for a sun, got none; install it: pip install 'mcufleet[solar]'"
        raise InputError.one("energy.harvest.kind", text) from error
    return getattr(pvlib, part)
