"""`install` with the real uv: from the public index, from an index of our own, from the artifact."""

from __future__ import annotations

import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.unit.runtime.process import environment
from tests.unit.runtime.scripted_server import Reply, Script, serve
from tests.unit.runtime.test_requirements import WHEEL, make_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from tests.unit.runtime.conftest import Pod


def require(pod: Pod, *lines: str) -> None:
    (pod.mounts.model / "requirements.txt").write_text("\n".join(lines) + "\n")


def in_environment(pod: Pod, code: str) -> str:
    """What the environment's own Python prints."""
    command = [str(pod.mounts.venv / "bin/python"), "-c", code]
    result = subprocess.run(
        command, env=environment(pod.mounts.root), capture_output=True, text=True, timeout=120, check=True
    )
    return result.stdout.strip()


def own_index(folder: Path) -> Script:
    """An index that holds one wheel."""
    make_wheel(folder / WHEEL)
    body = (folder / WHEEL).read_bytes()
    link = f'<a href="/files/{WHEEL}#sha256={hashlib.sha256(body).hexdigest()}">{WHEEL}</a>'
    html = {"Content-Type": "text/html"}
    return Script(
        pages={
            "/simple/helper/": Reply(body=link.encode(), headers=html),
            f"/files/{WHEEL}": Reply(body=body),
        }
    )


def test_a_model_that_the_image_satisfies_gets_no_environment(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("linear"))
    (pod.mounts.venv / "bin").mkdir(parents=True)  # left by a run that was killed
    ended = pod.run("install")
    assert ended.code == 0
    assert ended.said["environmentDigest"].startswith("sha256:")
    assert not list(pod.mounts.environment.iterdir())


def test_a_model_without_requirements_needs_nothing(pod: Pod) -> None:
    assert pod.run("install").code == 0
    assert not pod.mounts.venv.exists()


def test_another_scikit_learn_is_installed_and_served(
    pod: Pod, saved: Callable[[str], Path], variants: ModuleType
) -> None:
    """The digest reported is that of what `serve` sees, and the answers come from the other version."""
    pod.hold(saved("other-scikit-learn"))
    pod.revise(environmentDigest="sha256:of another environment")
    ended = pod.run("install")
    assert ended.code == 0, ended.said
    assert [path.name for path in pod.mounts.environment.iterdir()] == ["venv"]
    seen = "from pintle_runtime import environment as e; print(e.digest(e.inspect(e.site_path())))"
    assert in_environment(pod, seen) == ended.said["environmentDigest"]
    pod.revise(environmentDigest=ended.said["environmentDigest"], strictEnvironment=True)
    with pod.serve() as server:
        server.wait_until_ready()
        example = (pod.mounts.model / "serving_input_example.json").read_text()
        status, _, body = server.request("POST", "/invocations", example)
        assert status == 200
        versions = {row["scikit_learn"] for row in json.loads(body)["predictions"]}
        assert versions == {variants.OTHER_SCIKIT_LEARN}


def test_constraints_of_the_artifact_are_kept(pod: Pod) -> None:
    require(pod, "toolz", "-c constraints.txt")
    (pod.mounts.model / "constraints.txt").write_text("toolz<0.12.1\nmlflow<3\n")
    assert pod.run("install").code == 0
    assert in_environment(pod, "import toolz; print(toolz.__version__)") == "0.12.0"


def test_a_wheel_of_the_artifact_is_installed_beside_the_images_packages(pod: Pod) -> None:
    make_wheel(pod.mounts.model / "wheels" / WHEEL)
    require(pod, f"wheels/{WHEEL}", "pandas")
    assert pod.run("install").code == 0
    assert (
        in_environment(pod, "import helper, pintle_runtime as p; print(helper.VERSION, p.__version__)")
        == "1.0 0.1.0"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("scikit-learn==0.0.1", "there is no version of scikit-learn==0.0.1"),
        ("antlr4-python3-runtime==4.9.3", "has no usable wheels"),  # an sdist only: its setup.py would run
        ("pydantic==1.10.24", "pydantic"),  # would break the server
    ],
)
def test_what_cannot_be_installed_ends_with_uvs_own_words(pod: Pod, line: str, words: str) -> None:
    require(pod, line)
    ended = pod.run("install")
    assert (ended.code, ended.said["reason"]) == (14, "LoadFailed")
    assert words in ended.said["message"]
    assert "\n" not in ended.said["message"]


def test_an_unsafe_line_ends_before_anything_is_installed(pod: Pod) -> None:
    require(pod, "toolz", "./setup-1.0.tar.gz")
    ended = pod.run("install")
    assert (ended.code, ended.said["reason"]) == (13, "UnsafeRequirement")
    assert not pod.mounts.venv.exists()


@pytest.mark.parametrize(("status", "times"), [(503, 3), (401, 1), (403, 1)])
def test_waits_for_an_index_that_does_not_answer(pod: Pod, tmp_path: Path, status: int, times: int) -> None:
    script = own_index(tmp_path)
    script.faults = [Reply(status, b"no")] * times
    require(pod, "helper==1.0")
    with serve(script) as uri:
        pod.revise(index={"url": f"{uri.replace('//', '//user:secret@')}/simple", "caBundle": None})
        ended = pod.run("install")
    assert ended.code == 0
    waits = [entry for entry in ended.log if entry["event"] == "waiting to install the model's packages"]
    assert waits
    assert str(status) in waits[0]["cause"]
    assert "secret" not in json.dumps(ended.log)
    assert in_environment(pod, "import helper; print(helper.VERSION)") == "1.0"


def test_the_tenants_variables_do_not_choose_the_index(pod: Pod, tmp_path: Path) -> None:
    require(pod, "helper==1.0")
    with serve(own_index(tmp_path)) as uri, serve(Script()) as other:
        pod.revise(index={"url": f"{uri}/simple", "caBundle": None})
        ended = pod.run(
            "install", UV_INDEX_URL=f"{other}/simple", UV_EXTRA_INDEX_URL=other, PIP_INDEX_URL=other
        )
    assert ended.code == 0
