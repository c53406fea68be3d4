"""What the operator logs, as it is configured to; import the fixture."""

import io
import logging
from collections.abc import Iterator

import pytest

from pintle.adapters.telemetry import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The log's lines from now on; what was configured before is put back."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("INFO", stream)
    yield stream
    root.handlers[:], root.level = before
