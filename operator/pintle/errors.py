"""What can go wrong, sorted by what happens next.

PintleError
├── Terminal    nothing changes until somebody edits something; still re-checked, slowly
├── Waiting     something outside is expected to change; looked at again `after` seconds
└── Retryable   the attempt failed; tried again with backoff

ClusterError    what the API server answered to one request
├── Conflict        409: the precondition (resourceVersion, uid, test) no longer holds: decide again
├── AlreadyExists   409 on a create: somebody holds the name
├── NotFound        404
├── Forbidden       403: RBAC, a quota or an admission policy said no
├── Invalid         400 or 422: the object is refused whatever the time
└── Unavailable     429, 5xx, connection trouble: try again, after `after` seconds if it says so

The two trees meet in the reconciler only: an adapter translates a client library's error at
the edge, and nothing above it knows the library.
"""


class PintleError(Exception):
    """Base of the errors that end up in a condition: `reason` is its reason, the text its message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


class Terminal(PintleError):
    """Trying again without a change elsewhere gives the same answer."""


class Unauthorized(Terminal):
    """A registry refuses whoever asks; that it is there, and what it is, it has shown by that."""


class Waiting(PintleError):
    """Not wrong, only not yet: look again `after` seconds."""

    def __init__(self, reason: str, message: str, *, after: float) -> None:
        super().__init__(reason, message)
        self.after = after


class Retryable(PintleError):
    """The attempt failed for a cause that passes by itself (network, overload)."""


class ClusterError(Exception):
    """The API server's answer to one request. `message` is the server's own text."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Conflict(ClusterError):
    """A precondition no longer holds. Never retried as it is: the state is read again first."""


class AlreadyExists(ClusterError):
    """A create found the name taken."""


class NotFound(ClusterError):
    """The object, or its namespace, is not there."""


class Forbidden(ClusterError):
    """RBAC, a quota or an admission policy refused the request."""


class Invalid(ClusterError):
    """The API server refuses the body itself; sending it again is useless."""


class Unavailable(ClusterError):
    """Overload, restart or network trouble. `after` is the server's Retry-After in seconds, if any."""

    def __init__(self, message: str, *, status: int = 0, after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.after = after
