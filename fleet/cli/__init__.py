"""The command `fleet`: a thin skin over the rooms below.

Exit codes: 0 done, 1 a check failed, 2 the input is wrong, 3 interrupted (a run can be resumed).
"""

from fleet.cli.app import main

__all__ = ["main"]
