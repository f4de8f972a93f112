"""The control API below ``/_trunkline``: what the operator asks of a node."""
