"""An S3 server, for the tests of artifacts in a bucket: versitygw, from its Go module, over a folder.

Nothing of it is there unless somebody asks: it takes minutes to build, once on a machine.
"""

import os
from pathlib import Path

from testbed import gomodule
from testbed.images import archive

VERSITYGW = "github.com/versity/versitygw@v1.8.0"


def s3_server() -> Path:
    """The program, built now if no earlier run did.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(VERSITYGW, "./cmd/versitygw")


def s3_image(reference: str) -> Path:
    """The archive of an image called `reference` that is this program; errors as above."""
    program = s3_server()
    made = program.with_name(f"{program.name}.tar")
    if not made.exists():
        unfinished = made.with_name(f"{made.name}.{os.getpid()}")
        unfinished.write_bytes(archive.of_program(reference, program))
        unfinished.rename(made)  # whole or not at all
    return made
