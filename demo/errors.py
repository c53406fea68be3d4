"""Errors that end the demo; each says what to do next."""


class DemoError(Exception):
    """Something on the way to the story failed."""


class StepFailed(Exception):
    """A step of the story did not end as it should."""
