"""The world of an interruption sweep: nodes that are updated while their power fails, and a server that goes on."""
