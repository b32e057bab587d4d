"""Memory and order of one training pass: `plan_of(graph, scheme)`."""

from fleet.node.plan.plan import Plan, plan_of

__all__ = ["Plan", "plan_of"]
