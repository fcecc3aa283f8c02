"""The formats of names, labels and annotations keys (``k8s.io/apimachinery/pkg/util/validation``)."""

from __future__ import annotations

import re
from collections.abc import Callable

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")

Format = Callable[[str], str | None]
"""What is wrong with the text, or None."""


def dns_label(text: str) -> str | None:
    """RFC 1123 label: container names, namespaces."""
    if len(text) > 63:
        return "must be no more than 63 characters"
    if _LABEL.fullmatch(text) is None:
        return (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', "
            "and must start and end with an alphanumeric character (e.g. 'my-name' or '123-abc')"
        )
    return None


def dns_subdomain(text: str) -> str | None:
    """RFC 1123 subdomain: most names."""
    if len(text) > 253:
        return "must be no more than 253 characters"
    if _SUBDOMAIN.fullmatch(text) is None:
        return (
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', "
            "and must start and end with an alphanumeric character (e.g. 'example.com')"
        )
    return None


def path_segment(text: str) -> str | None:
    """What may stand in a URL: names of RBAC objects."""
    if text in {".", ".."}:
        return f"may not be '{text}'"
    bad = next((character for character in "/%" if character in text), None)
    return f"may not contain '{bad}'" if bad else None


def qualified_name(text: str) -> str | None:
    """``[prefix/]name``: keys of labels and taints, names of resources and gates."""
    prefix, slash, name = text.rpartition("/")
    if slash and (fault := dns_subdomain(prefix)) is not None:
        return f"prefix part {fault}"
    if not 0 < len(name) <= 63 or _QUALIFIED.fullmatch(name) is None:
        return (
            "name part must consist of at most 63 alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character (e.g. 'MyName', 'my.name' or '123-abc')"
        )
    return None


def label_value(text: str) -> str | None:
    if len(text) > 63:
        return "must be no more than 63 characters"
    if _LABEL_VALUE.fullmatch(text) is None:
        return (
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
            "and must start and end with an alphanumeric character (e.g. 'MyValue', 'my_value' or '12345')"
        )
    return None
