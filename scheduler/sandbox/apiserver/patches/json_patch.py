"""JSON Patch (RFC 6902): a list of operations on paths."""

from __future__ import annotations

from typing import Any

from scheduler.sandbox.apiserver.statuses import StatusError, bad_request


def apply_json_patch(document: Any, operations: Any) -> Any:
    """The document after the operations, changed in place where it can be. Raises StatusError (400, 422)."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    for operation in operations:
        if not isinstance(operation, dict) or not isinstance(operation.get("path"), str):
            raise bad_request("an operation of a JSON patch is an object with op and path")
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: dict[str, Any]) -> Any:
    path = _split(operation["path"])
    match operation.get("op"):
        case "add":
            return _add(document, path, _value(operation))
        case "remove":
            _remove(document, path)
        case "replace":
            _get(document, path)
            if path and isinstance(_get(document, path[:-1]), list):
                _get(document, path[:-1])[_index(path[-1], _get(document, path[:-1]))] = _value(operation)
                return document
            return _add(document, path, _value(operation))
        case "move":
            source = _split(operation.get("from", ""))
            return _add(document, path, _remove(document, source))
        case "copy":
            return _add(document, path, _get(document, _split(operation.get("from", ""))))
        case "test":
            if _get(document, path) != _value(operation):
                raise _failed(f"testing path {operation['path']} failed")
        case other:
            raise _failed(f"a JSON patch knows no operation {other!r}")
    return document


def _split(pointer: str) -> list[str]:
    if not pointer:
        return []
    if not pointer.startswith("/"):
        raise bad_request(f"{pointer!r} is not a JSON pointer")
    return [token.replace("~1", "/").replace("~0", "~") for token in pointer[1:].split("/")]


def _value(operation: dict[str, Any]) -> Any:
    if "value" not in operation:
        raise bad_request(f"the operation {operation.get('op')} on {operation['path']} has no value")
    return operation["value"]


def _get(document: Any, path: list[str]) -> Any:
    for token in path:
        if isinstance(document, list):
            document = document[_index(token, document)]
        elif isinstance(document, dict) and token in document:
            document = document[token]
        else:
            raise _failed(f"there is no {'/'.join(path)}")
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, parent, past_end=True), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise _failed(f"nothing can be added at {'/'.join(path)}")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    if not path:
        raise _failed("the whole object cannot be removed")
    removed = _get(document, path)
    parent = _get(document, path[:-1])
    if isinstance(parent, list):
        del parent[_index(path[-1], parent)]
    else:
        del parent[path[-1]]
    return removed


def _index(token: str, items: list[Any], *, past_end: bool = False) -> int:
    if token.isascii() and token.isdigit() and int(token) < len(items) + past_end:
        return int(token)
    raise _failed(f"the list has no index {token}")


def _failed(message: str) -> StatusError:
    return StatusError(422, "Invalid", f"the server rejected our request due to an error in our request: {message}")
