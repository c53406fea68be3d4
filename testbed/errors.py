"""The one error that the tool reports without a traceback."""


class TestbedError(Exception):
    """What happened, to what, and what to do next, in words for the person at the terminal."""

    __test__ = False  # its name makes pytest take it for a test class otherwise
