"""Memory and order of one pass: `plan_of(graph, scheme)`, `inference_plan(graph)`."""

from fleet.node.plan.plan import Plan, inference_plan, plan_of

__all__ = ["Plan", "inference_plan", "plan_of"]
