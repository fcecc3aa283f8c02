"""What can go wrong between us and the API server, as one small tree.

Owns the errors of this package and how an API server's Status object becomes one (``error_from_status``); callers react
to classes, never to status numbers. Who retries what is decided where the request is made: ``retrying``, ``reflector``,
``binding``.
"""

from __future__ import annotations

import msgspec

_LONGEST_MESSAGE = 500
"""Characters kept of an answer that is no Status: a proxy's error page would fill the log."""


class ApiError(Exception):
    """The API server refused, or could not be asked.

    ``status`` is the HTTP status (0: there was no answer), ``reason`` the Status object's word for it, ``retry_after``
    the seconds that the server asked us to wait.
    """

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def transient(self) -> bool:
        """The same request may succeed later without anybody changing anything."""
        return False


class InvalidConnection(Exception):
    """What we were told about the way to the API server cannot be used; the text names the file and what is wrong."""


class NotFound(ApiError):
    """404."""


class Conflict(ApiError):
    """409: the object is not in the state that the request supposes."""


class AlreadyExists(Conflict):
    """409 on a creation: the name is taken."""


class Gone(ApiError):
    """410: the resourceVersion or continue token is older than what the server remembers."""


class Invalid(ApiError):
    """422: the object fails validation."""


class Unauthorized(ApiError):
    """401, or credentials that could not be had at all."""


class Forbidden(ApiError):
    """403."""


class TooManyRequests(ApiError):
    """429: refused before anything was done."""

    @property
    def transient(self) -> bool:
        return True


class ServerError(ApiError):
    """5xx. Whether a write took effect is unknown."""

    @property
    def transient(self) -> bool:
        return True


class NotLeading(ApiError):
    """The write was not sent, since it is another scheduler's turn."""


class Unreachable(ApiError):
    """No answer: no connection, a cut connection, or silence. ``sent`` False: the request surely never left."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent

    @property
    def transient(self) -> bool:
        return True


class Silent(Unreachable):
    """The server accepted the request and then said nothing for the time allowed."""


class MalformedAnswer(ApiError):
    """The answer is not what the API promises."""


_BY_STATUS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}


class _StatusDetails(msgspec.Struct, rename="camel"):
    retry_after_seconds: float = 0


class _Status(msgspec.Struct):
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _StatusDetails | None = None


_status_decoder = msgspec.json.Decoder(_Status)


def error_from_status(body: bytes | msgspec.Raw, *, http_status: int = 0, retry_after: str | None = None) -> ApiError:
    """The error that a Status object names; an answer that is no Status is quoted, cut short.

    ``http_status`` wins over the code in the body; an ERROR event of a watch has only the latter. ``retry_after`` is
    the header; its date form, which API servers do not send, is ignored.
    """
    try:
        status = _status_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = " ".join(bytes(body).decode("utf-8", "replace").split())
        status = _Status(message=text[:_LONGEST_MESSAGE])
    code = http_status or status.code
    wait = float(retry_after) if retry_after is not None and retry_after.isdecimal() else None
    if wait is None and status.details is not None and status.details.retry_after_seconds > 0:
        wait = status.details.retry_after_seconds
    return _class_for(code, status.reason)(
        status.message or f"the API server answered {code}", status=code, reason=status.reason, retry_after=wait
    )


def _class_for(code: int, reason: str) -> type[ApiError]:
    if code == 409 and reason == "AlreadyExists":
        return AlreadyExists
    if code >= 500:
        return ServerError
    return _BY_STATUS.get(code, ApiError)


def explain(error: ApiError, server: str) -> str:
    """One sentence for the operator: which server, what is wrong, and what to change where that is known."""
    match error:
        case Unreachable():
            return f"cannot reach the API server {server}: {error.message}"
        case Unauthorized():
            return (
                f"the API server {server} does not accept our credentials: {error.message}; "
                "check the token or client certificate of the kubeconfig or of the ServiceAccount"
            )
        case Forbidden():
            return (
                f"the API server {server} does not allow it: {error.message}; "
                "grant it in the ClusterRole that is bound to this user or ServiceAccount"
            )
        case NotLeading():
            return error.message
        case MalformedAnswer():
            return f"the API server {server} gave an answer that makes no sense: {error.message}"
        case _:
            number = f" ({error.status} {error.reason})" if error.status else ""
            return f"the API server {server} refused{number}: {error.message}"
