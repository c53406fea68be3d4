"""`python -m supply scan`, and `python -m supply sbom FOLDER`."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from supply import sbom, scanners
from testbed.errors import TestbedError


def main() -> int:
    """0: nothing was found; 1: something was; 2: it could not be told."""
    parser = ArgumentParser(prog="python -m supply", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("scan", help="look for what is wrong in the Dockerfile, the code and the manifests")
    listing = commands.add_parser("sbom", help="write what is in each image, as CycloneDX")
    listing.add_argument("folder", type=Path)
    args = parser.parse_args()
    try:
        if args.command == "sbom":
            for path in sbom.write(args.folder):
                print(path)
            return 0
        return _scan()
    except (TestbedError, scanners.Failed) as error:
        print(error, file=sys.stderr)
        return 2


def _scan() -> int:
    found = 0
    for name, scan in scanners.OURS.items():
        result = scan()
        print(f"{name}: {'nothing found' if result.clean else result.words}")
        found |= not result.clean
    return int(found)


if __name__ == "__main__":
    sys.exit(main())
