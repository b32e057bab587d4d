"""Updates of a running fleet: what one takes on a node, and how a campaign brings it to all of them."""
