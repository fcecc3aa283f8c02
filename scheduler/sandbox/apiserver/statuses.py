"""Every error that the API server answers, as the ``Status`` object that clients read.

Reasons, codes and the shape of the messages are those of apimachinery (``pkg/api/errors``): clients decide by reason
and code, and people read the message.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from scheduler.sandbox.apiserver.documents import Document
from scheduler.sandbox.apiserver.resources import Resource


class Cause(msgspec.Struct, frozen=True):
    """One field's fault: ``kind`` is a cause type (FieldValueRequired, FieldValueInvalid...)."""

    field: str
    kind: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class StatusError(Exception):
    """A request that failed, and what its client is told."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Document | None = None,
        retry_after: int | None = None,
        continue_token: str = "",
        plain: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.retry_after = retry_after
        self.plain = plain
        """Is the message all there is to be sent?"""
        self.warnings: list[str] = []
        """For the headers of the answer: what was found before the error was."""
        self._message = message
        self._details = dict(details or {})
        self._continue = continue_token

    def status(self) -> Document:
        """The Status object."""
        details = self._details | ({"retryAfterSeconds": self.retry_after} if self.retry_after is not None else {})
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self._continue} if self._continue else {},
            "status": "Failure",
            "message": self._message,
            **({"reason": self.reason} if self.reason else {}),
            **({"details": details} if details else {}),
            "code": self.code,
        }


def success(**details: str) -> Document:
    """The Status that answers a write which returns no object."""
    body: Document = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    return body | ({"details": details} if details else {})


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def anonymous_forbidden(method: str, path: str) -> StatusError:
    return StatusError(403, "Forbidden", f'forbidden: User "system:anonymous" cannot {method.lower()} path "{path}"')


def forbidden(resource: Resource, name: str, why: str) -> StatusError:
    return StatusError(
        403, "Forbidden", f'{resource.qualified} "{name}" is forbidden: {why}', details=_about(resource, name)
    )


def not_found(resource: Resource, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{resource.qualified} "{name}" not found', details=_about(resource, name))


def no_such_path() -> StatusError:
    """A path below a group and version that are served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def page_not_found() -> StatusError:
    """Any other path. Go answers it before anything of Kubernetes does, so the body is no Status but text."""
    return StatusError(404, "NotFound", "404 page not found\n", plain=True)


def method_not_allowed(method: str) -> StatusError:
    return StatusError(
        405, "MethodNotAllowed", f"the server does not allow this method on the requested resource: {method}"
    )


def not_acceptable(accept: str) -> StatusError:
    return StatusError(
        406, "NotAcceptable", f"only application/json is served, and the Accept header asks for {accept}"
    )


def already_exists(resource: Resource, name: str) -> StatusError:
    return StatusError(
        409, "AlreadyExists", f'{resource.qualified} "{name}" already exists', details=_about(resource, name)
    )


def conflict(resource: Resource, name: str, why: str, *, subresource: str = "") -> StatusError:
    plural = f"{resource.plural}/{subresource}" if subresource else resource.plural
    qualified = f"{plural}.{resource.group}" if resource.group else plural
    return StatusError(
        409,
        "Conflict",
        f'Operation cannot be fulfilled on {qualified} "{name}": {why}',
        details=_about(resource, name) | {"kind": plural},
    )


def modified_meanwhile(resource: Resource, name: str) -> StatusError:
    """The optimistic lock's answer: the write was based on an older resourceVersion."""
    return conflict(
        resource, name, "the object has been modified; please apply your changes to the latest version and try again"
    )


def expired(message: str, *, continue_token: str = "") -> StatusError:
    return StatusError(410, "Expired", message, continue_token=continue_token)


def unsupported_media_type(content_type: str, supported: str) -> StatusError:
    return StatusError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format - {content_type or 'no Content-Type'}; "
        f"accepted media types include: {supported}",
    )


def invalid(resource: Resource, name: str, causes: Sequence[Cause]) -> StatusError:
    # An Event is validated as the core's, whatever API it came by.
    group = "" if resource.storage == "events" else resource.group
    return invalid_kind(group, resource.kind, name, causes)


def invalid_kind(group: str, kind: str, name: str, causes: Sequence[Cause]) -> StatusError:
    """422 with one cause per field. The message lists them as Go's aggregate does: in brackets when several."""
    sentences = list(dict.fromkeys(str(cause) for cause in causes))
    text = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    qualified = f"{kind}.{group}" if group else kind
    return StatusError(
        422,
        "Invalid",
        f'{qualified} "{name}" is invalid: {text}',
        details={
            **({"name": name} if name else {}),
            **({"group": group} if group else {}),
            **({"kind": kind} if kind else {}),
            "causes": [{"reason": cause.kind, "message": cause.message, "field": cause.field} for cause in causes],
        },
    )


def too_large_resource_version(asked: int, current: int) -> StatusError:
    return StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {asked}, current: {current}",
        details={"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]},
        retry_after=1,
    )


def internal(message: str) -> StatusError:
    """A plain Go error in the real server: 500 without a reason."""
    return StatusError(500, "", message)


def _about(resource: Resource, name: str) -> Document:
    return {"name": name, **({"group": resource.group} if resource.group else {}), "kind": resource.plural}
