"""The steps of one pass: forward, loss, backward, updates, in execution order and by name."""

from fleet.node.plan.steps.passes import inference, program
from fleet.node.plan.steps.program import NOTHING, Code, Flow, Flowing, Program, Ref, Region, Step

__all__ = ["NOTHING", "Code", "Flow", "Flowing", "Program", "Ref", "Region", "Step", "inference", "program"]
