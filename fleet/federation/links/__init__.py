"""Between the gateway and its nodes: whole frames over channels that lose, repeat and cut. Keys are `sealed`'s."""
