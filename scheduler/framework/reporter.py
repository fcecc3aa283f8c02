"""The core's way to be watched: it reports what it does to a Reporter, which by default does nothing.

Owns the port only. Metrics are one implementation (``telemetry``), a recorder in tests another.
"""

from __future__ import annotations


class Reporter:
    """Every method is called synchronously inside a decision, so it must be quick and must not raise."""

    def class_evaluated(self, rows: int) -> None:
        """A pod class was evaluated on all ``rows`` rows: it is new, or was out of the memory."""

    def rows_repaired(self, rows: int) -> None:
        """A cached evaluation was repaired on ``rows`` rows that had changed."""

    def placed(self, feasible: int, nodes: int) -> None:
        """A node was chosen among ``feasible`` of ``nodes`` nodes."""

    def rejected(self, plugins: frozenset[str]) -> None:
        """No node is left; these plugins rejected the pod or its nodes."""
