"""From which nodes a volume can be reached: its node affinity, for one node's labels and for all nodes at once.

Owns the meaning of a volume's node affinity (component-helpers ``storage/volume``, CheckNodeAffinity). It sees labels
only: a field of the node reads as empty.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scheduler.api.affinity import NodeSelector
from scheduler.api.selectors import Term, parse_terms
from scheduler.cluster.columns import Mask, Rows, count
from scheduler.cluster.labels import LabelColumns


class Reach:
    """``selector`` None: from anywhere."""

    def __init__(self, selector: NodeSelector | None) -> None:
        self._terms: tuple[Term, ...] | None = None
        if selector is not None:
            usable = parse_terms(selector.node_selector_terms)
            self._terms = tuple(term for term in usable if all(field.matches("") for field in term.fields))

    def includes(self, labels: Mapping[str, str]) -> bool:
        """Whether a node with these labels can use the volume."""
        return self._terms is None or any(
            all(requirement.matches(labels.get(requirement.key)) for requirement in term.expressions)
            for term in self._terms
        )

    def mask(self, labels: LabelColumns, rows: Rows) -> Mask:
        """bool[rows]: the same for each row."""
        if self._terms is None:
            return np.ones(count(rows), dtype=np.bool_)
        mask = np.zeros(count(rows), dtype=np.bool_)
        for term in self._terms:
            here = np.ones(count(rows), dtype=np.bool_)
            for requirement in term.expressions:
                here &= labels.matching(requirement, rows)
            mask |= here
        return mask

    def label_keys(self) -> set[str]:
        """The labels that are looked at."""
        return {requirement.key for term in self._terms or () for requirement in term.expressions}

    def anchor(self) -> tuple[str, frozenset[str]] | None:
        """(key, values): a node whose label has none of these values is out at once. None: no label tells so soon."""
        if self._terms is None or len(self._terms) != 1:
            return None
        listed = (requirement for requirement in self._terms[0].expressions if requirement.operator == "In")
        return next(((requirement.key, requirement.values) for requirement in listed), None)

    def only_label(self) -> str | None:
        """The label of ``anchor``, if its values are all that is asked for."""
        anchor = self.anchor()
        return anchor[0] if anchor and self._terms and len(self._terms[0].expressions) == 1 else None


ANYWHERE = Reach(None)
