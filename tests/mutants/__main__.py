"""Puts each mutant in place of the operator, and tells which test notices: `make mutants`.

With words, only mutants whose names have one of them. Exits with 1 if one is not noticed.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.mutants import MUTANTS, Mutant
from tests.support.schemas import REPOSITORY

# A test that fails is told as `FAILED tests/...::test_name[row] - why`.
_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+::.*?)(?: - .*)?$", re.MULTILINE)


def run(mutant: Mutant) -> str:
    """The test that notices a mutant, or ""."""
    with tempfile.TemporaryDirectory(prefix="pintle-mutant-") as folder:
        package = Path(folder) / "pintle"
        shutil.copytree(REPOSITORY / "operator/pintle", package, ignore=shutil.ignore_patterns("__pycache__"))
        module = package / mutant.module
        text = module.read_text()
        assert text.count(mutant.old) == 1, f"{mutant.name}: not one place to change in {mutant.module}"
        module.write_text(text.replace(mutant.old, mutant.new))
        return _first_failure(folder, mutant.tests)


def _first_failure(folder: str, tests: tuple[str, ...]) -> str:
    options = ["-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider"]
    ignored = [f"--ignore=tests/unit/{name}" for name in ("demo", "gitops", "runtime", "testbed")]
    command = [
        sys.executable,
        "-m",
        "pytest",
        *options,
        *ignored,
        "-o",
        f"pythonpath={folder} runtime .",
        *tests,
    ]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    found = _FAILED.search(done.stdout)
    if done.returncode not in (0, 1) and found is None:
        raise RuntimeError(done.stdout + done.stderr)
    return found[1] if found else ""


def main(words: list[str]) -> int:
    """Run all mutants, or those that the words pick."""
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    survivors = 0
    for mutant in chosen:
        began = time.monotonic()
        found = run(mutant)
        survivors += not found
        told = found or "NOT NOTICED"
        print(f"{mutant.name:<55} {time.monotonic() - began:5.1f} s  {told}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} mutants noticed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
