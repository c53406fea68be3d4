"""What to send where; written by the driver, read in the pod."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Target:
    """One Service and how to send to it.

    Either `rate` (requests a second, sent on time whatever the answers do) or `clients` (each sends its next
    request when it has the answer to its last) is more than 0. `version_header` names the header that tells
    which version answered; what follows its last slash is the version. `finite` judges NaN and infinities in
    an answer as wrong.
    """

    name: str
    host: str
    port: int = 80
    path: str = "/invocations"
    body: str = ""
    rate: float = 0
    clients: int = 0
    keep_alive: bool = False
    timeout_seconds: float = 10
    version_header: str = "pintle-model"
    finite: bool = True


def dump(targets: list[Target]) -> str:
    return json.dumps([asdict(target) for target in targets], indent=1)


def load(text: str) -> list[Target]:
    return [Target(**fields) for fields in json.loads(text)]
