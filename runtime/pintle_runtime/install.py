"""The step `install`: gives the model the packages it asks for, where the image has not got them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import uv

from pintle_runtime import environment, log, requirements, revision, termination
from pintle_runtime.retry import Transient, until_done
from pintle_runtime.termination import Reason, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pintle_runtime.mounts import Mounts
    from pintle_runtime.requirements import Requirements
    from pintle_runtime.revision import Index

# uv's words for a resolution that no waiting mends, unless an index refused it; and for a failing index.
UNSATISFIABLE = "No solution found"
REFUSED_BY_INDEX = re.compile(r"could not be queried|returned a 40[13]|network was disabled")
UNREACHABLE = re.compile(r"Request failed|Failed to (?:fetch|download)|error sending request", re.IGNORECASE)
UNCLEAR_ATTEMPTS = 3


def run(mounts: Mounts) -> None:
    """Make /env/venv if the model needs one, and report the environment that `serve` will see.

    Raises:
        Refused: UnsafeRequirement for a line that is not allowed; LoadFailed when no packages satisfy it.
    """
    pinned = revision.read(mounts.revision)
    shutil.rmtree(mounts.venv, ignore_errors=True)
    image_path = environment.site_path()
    image = environment.inspect(image_path)
    wanted = requirements.read(mounts.model)
    for line in environment.provided(wanted, image):
        log.warning(
            "the runtime's MLflow serves this model", asked=line, runtime=image["mlflow-skinny"].version
        )
    path = image_path
    lacks = environment.missing(image, wanted)
    if lacks:
        log.info("the image does not satisfy the model's requirements", lacks=lacks)
        path = [str(_make(mounts, environment.to_install(wanted), image, pinned.index)), *image_path]
    digest = environment.digest(environment.inspect(path))
    log.info("installed", revision=pinned.name, own_environment=bool(lacks), digest=digest)
    termination.write(mounts.termination, {"environmentDigest": digest})


def _make(mounts: Mounts, wanted: Requirements, image: environment.Environment, index: Index) -> Path:
    """Create and fill /env/venv; returns its site-packages."""
    with tempfile.TemporaryDirectory(dir=mounts.environment, prefix=".install-") as scratch:
        work = Path(scratch)
        variables = _variables(work, index)
        base = sys._base_executable  # type: ignore[attr-defined]  # noqa: SLF001  # the Python under the image's own venv
        _uv(["venv", "--python", base, str(mounts.venv)], variables)
        site = _see_image(mounts.venv)
        lines = [*map(str, wanted.packages), *(f"{wheel}" for wheel in wanted.wheels)]
        (work / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        constraints = [*map(str, wanted.constraints), *environment.runtime_constraints(image)]
        (work / "constraints.txt").write_text("\n".join(constraints) + "\n", encoding="utf-8")
        command = [
            "pip",
            "install",
            "--no-build",
            "--compile-bytecode",
            "--python",
            str(mounts.venv / "bin/python"),
        ]
        command += [
            "--requirements",
            str(work / "requirements.txt"),
            "--constraints",
            str(work / "constraints.txt"),
        ]
        if index.url:
            command += ["--default-index", index.url]
        unclear: list[str] = []
        until_done(lambda: _attempt(command, variables, unclear), what="install the model's packages")
    return site


def _see_image(venv: Path) -> Path:
    """Put the image's packages behind the environment's own on its import path.

    `--system-site-packages` would show those of the Python under the image's venv, which has none.
    """
    site = Path(sysconfig.get_path("purelib", vars={"base": str(venv), "platbase": str(venv)}))
    lines = [f"import site; site.addsitedir({folder!r})" for folder in environment.site_path()]
    (site / "_pintle_image.pth").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return site


def _attempt(command: Sequence[str], variables: dict[str, str], unclear: list[str]) -> None:
    """One run of uv; what is neither clearly the version's fault nor the index's is tried a few times."""
    status, words = _run(command, variables)
    if status == 0:
        return
    final = UNSATISFIABLE in words and not REFUSED_BY_INDEX.search(words)
    known = UNSATISFIABLE in words or UNREACHABLE.search(words)
    if not known:
        unclear.append(words)
    if final or len(unclear) >= UNCLEAR_ATTEMPTS:
        raise Refused(Reason.LOAD_FAILED, f"the model's packages cannot be installed: {words}")
    raise Transient(words)


def _uv(command: Sequence[str], variables: dict[str, str]) -> None:
    status, words = _run(command, variables)
    if status != 0:
        raise RuntimeError(f"uv {command[0]}: {words}")


def _run(command: Sequence[str], variables: dict[str, str]) -> tuple[int, str]:
    result = subprocess.run(  # noqa: S603  # our own uv, with arguments that went through the strict parser
        [uv.find_uv_bin(), *command, "--no-progress", "--color", "never"],
        env=variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    return result.returncode, log.without_credentials(_shortened(result.stderr))


def _shortened(words: str) -> str:
    """The message of uv on one line, without its progress."""
    lines = [line.strip() for line in words.splitlines()]
    progress = (
        "Using Python",
        "Resolved ",
        "Prepared ",
        "Installed ",
        "Uninstalled ",
        "Downloading",
        "Downloaded",
    )
    kept = [line for line in lines if line and not line.startswith(progress)]
    return " ".join(kept)[:1000]


def _variables(work: Path, index: Index) -> dict[str, str]:
    """The surroundings of uv: no user's configuration, the machine's proxies and certificates."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("UV_", "PIP_", "VIRTUAL_ENV"))
    }
    kept |= {
        "UV_NO_CONFIG": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_SYSTEM_CERTS": "1",
        "UV_HTTP_RETRIES": "1",  # we try again ourselves, and say so in the log
        # On the volume of the environment, so that files are linked and not copied; removed with `work`.
        "UV_CACHE_DIR": str(work / "cache"),
        "UV_LINK_MODE": "hardlink",
    }
    if index.ca_bundle:
        bundle = work / "ca.crt"
        bundle.write_text(index.ca_bundle, encoding="utf-8")
        kept["SSL_CERT_FILE"] = str(bundle)
    return kept
