"""Which scheme learns most within a budget of SRAM: `search(graph, task, budget_bytes=..., selector=...)`.

Two selectors. `contribution` trains every layer alone, a few shares of its inputs each, and seeks the combination with
the largest sum whose planned memory fits (MCUNetV3). `fisher` looks at squared gradients once and trains nothing
(TinyTrain). Memory is never estimated: it is that of a plan. What was measured is written down at once, so that a
search that was cut goes on, and ends with the same bytes.
"""

from fleet.run.search.find import SELECTORS, Found, Settings, search
from fleet.run.search.space import Genes, Space
from fleet.run.search.task import Sample, Task, task_of

__all__ = ["SELECTORS", "Found", "Genes", "Sample", "Settings", "Space", "Task", "search", "task_of"]
