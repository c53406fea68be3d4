"""The configuration files of the cluster's programs, with $names to fill in."""

from pathlib import Path
from string import Template

DIRECTORY = Path(__file__).resolve().parent
AUDIT_POLICY = DIRECTORY / "audit-policy.yaml"


def fill(name: str, **values: object) -> str:
    """The template's text with every $name replaced.

    Raises:
        KeyError: a value is missing.
    """
    return Template((DIRECTORY / name).read_text()).substitute(values)
