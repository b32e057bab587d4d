"""What server and node agree on beside bytes: the node's side of a round, as a table."""

from fleet.node.protocol.round import Action, Event, State, push_event, react, table_bytes

__all__ = ["Action", "Event", "State", "push_event", "react", "table_bytes"]
