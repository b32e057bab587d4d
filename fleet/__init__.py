"""mcufleet: federated and continual on-device learning on microcontrollers, simulated to the byte."""

__version__ = "0.1.0"
