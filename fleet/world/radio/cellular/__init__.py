"""NB-IoT and LTE-M: connections, repetitions, power saving mode and extended discontinuous reception."""

from fleet.world.radio.cellular.radio import CellularLink, LteMLink, NbIotLink

__all__ = ["CellularLink", "LteMLink", "NbIotLink"]
