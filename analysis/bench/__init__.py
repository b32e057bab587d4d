"""Measurements of speed, each in one run on one machine, so that only their ratios travel."""
