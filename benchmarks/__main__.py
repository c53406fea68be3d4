"""`python -m benchmarks [NAME ...]`: run the named measurements, or all of them."""

import argparse
import sys

from benchmarks import memory, rollback

BENCHMARKS = {"rollback": rollback.run, "memory": memory.run}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=20, help="how often each is measured (default: 20)")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.names) - set(BENCHMARKS)):
        parser.error(f"there is no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}")
    kept = [BENCHMARKS[name](arguments.rounds) for name in arguments.names or BENCHMARKS]
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
