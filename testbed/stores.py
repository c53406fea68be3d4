"""An S3 server, for the tests of artifacts in a bucket: versitygw, from its Go module, over a folder.

Nothing of it is there unless somebody asks: it takes minutes to build, once on a machine.
"""

import os
from pathlib import Path

from testbed import gomodule
from testbed.images import archive

VERSITYGW = "github.com/versity/versitygw@v1.8.0"
S3_IMAGE = f"docker.io/pintle/versitygw:{VERSITYGW.partition('@v')[2]}"


def s3_server() -> Path:
    """The program, built now if no earlier run did.

    Raises:
        TestbedError: the module cannot be had, or is not built.
    """
    return gomodule.program(VERSITYGW, "./cmd/versitygw")


def s3_image() -> Path:
    """The archive of the image S3_IMAGE, which is this program; errors as above."""
    program = s3_server()
    made = program.with_name(f"{program.name}.tar")
    if not made.exists():
        unfinished = made.with_name(f"{made.name}.{os.getpid()}")
        unfinished.write_bytes(archive.of_program(S3_IMAGE, program))
        unfinished.rename(made)  # whole or not at all
    return made
