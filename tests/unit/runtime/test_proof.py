"""The proof of real models, and everything else between an empty process and `ready`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pintle_runtime import environment, revision
from pintle_runtime.fetch import digest
from pintle_runtime.revision import ProofSettings
from pintle_runtime.serve import proof
from pintle_runtime.serve.app import Application
from pintle_runtime.serve.role import Role
from pintle_runtime.serve.starting import Starting
from pintle_runtime.serve.state import State
from pintle_runtime.termination import Reason, Refused
from tests.unit.runtime.conftest import unwarned

with unwarned():
    from pintle_runtime.serve import loading

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.runtime.conftest import Pod

AUTO, REQUIRED, SKIP = ProofSettings("Auto"), ProofSettings("Required"), ProofSettings("Skip")
LENIENT = ProofSettings(allow_non_finite=True)


def prove(model: Path, settings: ProofSettings) -> str:
    with unwarned():
        return proof.prove(loading.load(model), model, settings)


@pytest.mark.parametrize(
    ("variant", "settings", "outcome"),
    [
        ("linear", AUTO, "passed"),
        ("linear", REQUIRED, "passed"),
        ("linear", SKIP, "skipped"),
        ("boosted", AUTO, "passed"),
        ("names", AUTO, "passed"),
        ("no-example", AUTO, "none"),
        ("no-example", SKIP, "skipped"),
        ("nan", SKIP, "skipped"),
        ("nan", LENIENT, "passed"),
        ("infinite", LENIENT, "passed"),
    ],
)
def test_passes(saved: Callable[[str], Path], variant: str, settings: ProofSettings, outcome: str) -> None:
    assert prove(saved(variant), settings) == outcome


@pytest.mark.parametrize(
    ("variant", "settings", "words"),
    [
        ("nan", AUTO, "prediction[0] is NaN"),
        ("nan", REQUIRED, "prediction[0] is NaN"),
        ("infinite", AUTO, "prediction[0] is Infinity"),
        ("wrong-shape", AUTO, "prediction has the shape (3, 2); the signature says (-1)"),
        ("wrong-shape", LENIENT, "prediction has the shape (3, 2); the signature says (-1)"),
        ("one-answer", AUTO, "prediction has 1 rows for an example of 3"),
        ("raises", AUTO, "the model's example was answered with HTTP 400: KeyError: 'petal width (cm)'"),
        (
            "no-example",
            REQUIRED,
            "the model has no serving_input_example.json and rollout.proof.mode is Required",
        ),
    ],
)
def test_fails(saved: Callable[[str], Path], variant: str, settings: ProofSettings, words: str) -> None:
    with pytest.raises(Refused) as caught:
        prove(saved(variant), settings)
    assert caught.value.reason is Reason.PROOF_FAILED
    assert caught.value.message.startswith(words)


def test_an_answer_that_does_not_come_fails_in_time(saved: Callable[[str], Path]) -> None:
    with pytest.raises(Refused, match=r"not answered within 0\.2 s"):
        prove(saved("slow"), ProofSettings(timeout_seconds=0.2))


@pytest.mark.parametrize(
    ("example", "words"),
    [
        ('{"dataframe_records": [{"sepal length (cm)": 1.0}]}', "was answered with HTTP 400"),
        ("{", "was answered with HTTP 400"),
        ("[]", "was answered with HTTP 400"),
    ],
)
def test_an_example_that_the_model_does_not_understand_fails(
    saved: Callable[[str], Path], pod: Pod, example: str, words: str
) -> None:
    pod.hold(saved("linear"))
    (pod.mounts.model / proof.EXAMPLE).write_text(example)
    with pytest.raises(Refused, match=words):
        prove(pod.mounts.model, AUTO)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "the answer is not JSON"),
        (b"<html>", "the answer is not JSON"),
        (b'{"predictions": [NaN]}', "prediction[0] is NaN"),
        (b'{"choices": [{"score": NaN}]}', "prediction.choices[0].score is NaN"),
        (b'{"choices": [{"score": 1.0}]}', None),
        (b'{"predictions": [1.0, 2.0, 3.0]}', None),
        (b'{"predictions": [1.0]}', "prediction has 1 rows for an example of 3"),
    ],
)
def test_what_is_wrong_with_an_answer(saved: Callable[[str], Path], answer: bytes, words: str | None) -> None:
    with unwarned():
        metadata = loading.load(saved("linear")).model.metadata
    example = {"dataframe_split": {"columns": ["a"], "data": [[1], [2], [3]]}}
    found = proof.find_fault(example, answer, metadata, allow_non_finite=False)
    assert (found or "").startswith(words or "")
    assert (found is None) == (words is None)


def start(pod: Pod) -> tuple[Application, State]:
    """Start as `serve` does, in this process."""
    pinned = revision.read(pod.mounts.revision)
    state = State()
    application = Application(
        model=pinned.model,
        version=pinned.version,
        revision=pinned.name,
        state=state,
        role=Role(pod.mounts.role),
    )
    with unwarned():
        Starting(pod.mounts, pinned, state, application).run()
    return application, state


def refused(pod: Pod) -> Refused:
    with pytest.raises(Refused) as caught:
        start(pod)
    return caught.value


def test_becomes_ready(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("linear"))
    content = digest.of_folder(pod.mounts.model)
    here = environment.digest(environment.inspect(environment.site_path()))
    pod.revise(contentDigest=content, environmentDigest=here, strictEnvironment=True)
    application, state = start(pod)
    assert state.ready
    assert application.scoring is not None
    assert application.versions["mlflow"] == "3.17.2"


def test_compares_with_the_record_as_it_is_when_the_model_is_loaded(
    pod: Pod, saved: Callable[[str], Path]
) -> None:
    """The digest may be recorded after this pod's `fetch` looked."""
    pod.hold(saved("linear"))
    pinned = revision.read(pod.mounts.revision)
    assert pinned.content_digest is None
    pod.revise(contentDigest="sha256:another")
    found = refused(pod)
    assert found.reason is Reason.ARTIFACT_CHANGED
    assert "sha256:another" in found.message


def test_another_environment_is_a_warning_or_a_refusal(
    pod: Pod, saved: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    pod.hold(saved("linear"))
    pod.revise(environmentDigest="sha256:another")
    assert start(pod)[1].ready
    assert "the environment differs from the record" in caplog.text
    pod.revise(environmentDigest="sha256:another", strictEnvironment=True)
    found = refused(pod)
    assert (found.reason, "sha256:another" in found.message) == (Reason.LOAD_FAILED, True)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"MLmodel": "flavors: {}\n"}, "the model does not load: "),
        ({"MLmodel": ":\n:"}, "the model does not load: "),
        ({"model.pkl": "not a pickle"}, "the model does not load: UnpicklingError"),
    ],
)
def test_a_model_that_does_not_load(
    pod: Pod, saved: Callable[[str], Path], spoil: dict[str, str], words: str
) -> None:
    pod.hold(saved("linear"))
    for name, text in spoil.items():
        (pod.mounts.model / name).write_text(text)
    found = refused(pod)
    assert found.reason is Reason.LOAD_FAILED
    assert found.message.startswith(words)


def test_the_models_own_exception_is_named(pod: Pod, saved: Callable[[str], Path]) -> None:
    pod.hold(saved("crash-on-load"))
    assert refused(pod).message == (
        "the model does not load: FileNotFoundError: lookup table /data/species.csv is not part of the model"
    )


def test_a_models_exit_is_a_failure_to_load(
    pod: Pod, saved: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pod.hold(saved("linear"))

    def leave(*_: object) -> None:
        raise SystemExit(0)

    monkeypatch.setattr(loading, "load", leave)
    assert refused(pod).message == "the model does not load: SystemExit: 0"


def test_a_signature_survives_the_way_through_the_file(saved: Callable[[str], Path]) -> None:
    """Guards the tests above: the demo's models promise something that can be broken."""
    with unwarned():
        outputs = loading.load(saved("nan")).model.metadata.get_output_schema()  # type: ignore[no-untyped-call]  # MLflow's
    assert json.loads(outputs.to_json())[0]["tensor-spec"]["shape"] == [-1]
