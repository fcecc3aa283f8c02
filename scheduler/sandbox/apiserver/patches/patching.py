"""The four kinds of PATCH, by content type."""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.patches.json_patch import apply_json_patch
from scheduler.sandbox.apiserver.patches.server_side_apply import apply_configuration
from scheduler.sandbox.apiserver.patches.strategic_merge import strategic_merge
from scheduler.sandbox.apiserver.schema.decoding import parse_body, parse_yaml
from scheduler.sandbox.apiserver.statuses import bad_request, unsupported_media_type

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
SUPPORTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)


def patched(document: Document, body: bytes, content_type: str, definition: str) -> Document:
    """The document, which is changed in place where it can be, after the patch. Raises StatusError (400, 415, 422)."""
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type not in SUPPORTED:
        raise unsupported_media_type(media_type, ", ".join(SUPPORTED))
    patch = parse_yaml(body) if media_type == APPLY_PATCH else parse_body(body, media_type)
    if media_type == JSON_PATCH:
        result = apply_json_patch(document, patch)
    elif not isinstance(patch, dict):
        raise bad_request("the patch is not an object")
    elif media_type == STRATEGIC_MERGE_PATCH:
        result = strategic_merge(document, patch, definition)
    elif media_type == APPLY_PATCH:
        result = apply_configuration(document, patch, definition)
    else:
        result = merge_patch(document, patch)
    if not isinstance(result, dict) or not isinstance(result.get("metadata"), dict):
        raise bad_request("the patch leaves no object")
    return result


def merge_patch(document: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    merged = document if isinstance(document, dict) else {}
    for field, value in patch.items():
        if value is None:
            merged.pop(field, None)
        else:
            merged[field] = merge_patch(merged.get(field), value)
    return merged
