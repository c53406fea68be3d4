"""What to send where; written by the driver, read in the pod."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Target:
    """One Service and how to send to it.

    Without a `body` a GET is sent, and whatever is answered with 200 is ok. Either `rate` or `clients` is
    more than 0: requests a second, sent on time whatever the answers do; or clients of which each sends its
    next request when it has the answer to its last. At a rate, `at_once` may wait for their answers; on a
    machine that cannot keep up, the requests over that are skipped and counted. `version_header` and
    `revision_header` tell which version answered (what follows the last slash) and in which shape. `finite`
    judges NaN and infinities as wrong.
    """

    name: str
    host: str
    port: int = 80
    path: str = "/invocations"
    body: str = ""
    rate: float = 0
    clients: int = 0
    at_once: int = 16
    keep_alive: bool = False
    timeout_seconds: float = 10
    version_header: str = "pintle-model"
    revision_header: str = "pintle-revision"
    finite: bool = True


def dump(targets: list[Target]) -> str:
    return json.dumps([asdict(target) for target in targets], indent=1)


def load(text: str) -> list[Target]:
    return [Target(**fields) for fields in json.loads(text)]
