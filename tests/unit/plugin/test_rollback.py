"""`rollback`: to which version, by which edit, and what is said where the edit is somebody else's to make."""

from dataclasses import replace

import pytest

from kubectl_pintle import rollback
from kubectl_pintle.deployment import ModelDeployment
from kubectl_pintle.ownership import Owner
from kubectl_pintle.records import Record
from kubectl_pintle.rollback import Edit, HandedOver, Refused
from pintle.errors import Conflict
from tests.support import patches
from tests.unit.plugin.captured import rejecting, state

STANDBY = state("standby")  # version 2 serves, version 1 stands by
FAILED = state("proof-failed")  # 4 is declared and was refused, 2 serves, 1 stands by
PROVING = state("proving")  # 2 is declared and on its way, 1 serves
RESHAPED = state("reshaped")  # 2 serves in its second shape, 1 stands by
REJECTED = state("rejected")  # 2 is declared and rejected, 1 serves, 2 stands by


@pytest.mark.parametrize(
    ("deployment", "wanted", "version", "why"),
    [
        (STANDBY.deployment, None, "1", "it stands by"),
        (FAILED.deployment, None, "2", "it serves"),
        (PROVING.deployment, None, "1", "it serves"),
        (REJECTED.deployment, None, "1", "it serves"),
        (RESHAPED.deployment, None, "1", "it stands by"),
        (STANDBY.without("standby"), None, "1", "its pods start first"),
        (STANDBY.without("standby", "history"), None, "1", "its pods start first"),
        (STANDBY.deployment, "1", "1", "it stands by"),
        (STANDBY.deployment, "v1", "1", "it stands by"),
        (FAILED.deployment, "1", "1", "it stands by"),
        (STANDBY.without("standby"), "1", "1", "it is on record"),
        (STANDBY.deployment, "7", "7", "the registry is asked"),
        (FAILED.deployment, "4", "4", "the registry is asked"),
    ],
)
def test_where_to(deployment: ModelDeployment, wanted: str | None, version: str, why: str) -> None:
    target = rollback.choose(deployment, FAILED.records, wanted)
    assert target.version == version
    assert why in target.why


def test_an_alias_is_what_it_resolves_to() -> None:
    followed = STANDBY.having(version=None, alias="champion")
    followed = replace(followed, version="")
    assert followed.declared == "2"
    target = rollback.choose(followed, STANDBY.records, None)
    assert target.version == "1"
    change = rollback.edit(followed, target)
    assert change == Edit({"version": None}, {"version": 1})
    assert rollback.in_words(change) == "spec.version (none) -> 1"


def test_records_that_cannot_be_read_do_not_keep_from_going_back() -> None:
    assert rollback.choose(STANDBY.deployment, (), None).version == "1"


@pytest.mark.parametrize(
    ("deployment", "records", "wanted", "says"),
    [
        (STANDBY.having(suspend=True), STANDBY.records, None, "spec.suspend holds back"),
        (rejecting(STANDBY, "version/1"), STANDBY.records, None, "version 1 is rejected by the annotation"),
        (rejecting(STANDBY, STANDBY.record("1").hash), STANDBY.records, None, "reject iris -n .* --clear"),
        (STANDBY.deployment, STANDBY.records, "latest", "--to takes a version"),
        (STANDBY.deployment, STANDBY.records, "0", "--to takes a version"),
        (STANDBY.without("standby"), [STANDBY.record("2")], None, "no older version on record"),
    ],
)
def test_refused(
    deployment: ModelDeployment, records: tuple[Record, ...], wanted: str | None, says: str
) -> None:
    with pytest.raises(Refused, match=says):
        rollback.choose(deployment, records, wanted)


def test_typed_twice_it_does_not_undo_itself() -> None:
    """After 2 -> 1: version 2 stands by, and has to be asked for."""
    deployment = STANDBY.having(version=1)
    back = replace(deployment, serving=deployment.standby, standby=deployment.serving)
    with pytest.raises(Refused, match=r"version 2, which stands by, is newer.*--to 2"):
        rollback.choose(back, STANDBY.records, None)
    assert rollback.choose(back, STANDBY.records, "2").version == "2"
    with pytest.raises(Refused, match="no older version on record"):
        rollback.choose(replace(back, standby=None), STANDBY.records, None)
    # Another model's numbers say nothing of which is older.
    other = replace(back, model="roses")
    assert rollback.choose(other, STANDBY.records, None).version == "2"


def test_typed_again_while_it_is_under_way_it_waits() -> None:
    """After 2 -> 1, until version 1 has the traffic: version 2 serves, and has to be asked for."""
    under_way = STANDBY.having(version=1)
    target = rollback.choose(under_way, STANDBY.records, None)
    assert target.version == "1"
    assert target.why.endswith("to stay with version 2: --to 2")
    assert rollback.edit(under_way, target) is None
    assert rollback.choose(under_way, (), None).version == "1", "no records are needed"
    assert rollback.choose(under_way, STANDBY.records, "2").why == "it serves"


def test_an_older_version_that_failed_is_given_up() -> None:
    failed = FAILED.having(version=1)
    assert failed.is_stalled
    assert rollback.choose(failed, FAILED.records, None).version == "2"


def test_a_lower_number_of_another_model_is_given_up() -> None:
    other = STANDBY.having(version=1, model="roses")
    assert rollback.choose(other, STANDBY.records, None).version == "2"


def test_another_rejection_is_no_obstacle() -> None:
    """The control of the refusals above."""
    assert rollback.choose(rejecting(STANDBY, "version/9"), STANDBY.records, None).version == "1"


def test_no_version_goes_back_on_another_shape() -> None:
    deployment = RESHAPED.deployment
    assert deployment.serving is not None
    same = replace(deployment.serving, revision="iris-v2-00000000")
    with pytest.raises(Refused, match="another shape is on its way"):
        rollback.choose(replace(deployment, candidate=same), RESHAPED.records, None)
    with pytest.raises(Refused, match=r"stands by is version 2 too, in another shape \(00000000\)"):
        rollback.choose(replace(deployment, standby=same), RESHAPED.records, None)
    assert rollback.choose(replace(deployment, standby=same), RESHAPED.records, "1").version == "1"


def test_the_edit_is_refused_if_the_spec_was_changed_since() -> None:
    deployment = STANDBY.deployment
    change = rollback.edit(deployment, rollback.choose(deployment, STANDBY.records, None))
    assert change == Edit({"version": 2}, {"version": 1})
    assert rollback.in_words(change) == "spec.version 2 -> 1"
    patch = [dict(operation) for operation in rollback.patch(deployment, change)]
    assert patches.json_patch(dict(deployment.body), patch)["spec"]["version"] == 1
    changed = {**deployment.body, "metadata": {**deployment.body["metadata"], "generation": 99}}
    with pytest.raises(Conflict):
        patches.json_patch(changed, patch)


def test_nothing_to_edit() -> None:
    deployment = STANDBY.deployment
    assert rollback.edit(deployment, rollback.choose(deployment, STANDBY.records, "2")) is None


def test_a_record_of_another_model_brings_its_model() -> None:
    deployment = STANDBY.having(model="roses", registryRef={"name": "other"})
    target = rollback.choose(deployment, STANDBY.records, None)
    change = rollback.edit(deployment, target)
    assert change is not None
    assert change.after == {"version": 1, "model": "iris", "registryRef": {"name": "mlflow"}}
    assert rollback.in_words(change) == (
        "spec.version 2 -> 1, spec.model roses -> iris, spec.registryRef other -> mlflow"
    )
    asked = rollback.choose(deployment, STANDBY.records, "1")
    assert asked.record is None, "a version that was asked for is one of the declared model"


def test_an_edit_for_somebody_else() -> None:
    owner = Owner(
        "Argo CD (application models)", "argocd.argoproj.io/tracking-id", "argocd app get --refresh models"
    )
    deployment = replace(STANDBY.deployment, namespace="ml")
    change = Edit({"version": 2}, {"version": 1})
    handed = HandedOver(deployment, change, owner, "kubectl pintle reject iris version/2 -n ml", "")
    assert (
        "\n".join(handed.lines())
        == """\
Nothing was written: Argo CD (application models) owns the spec of ml/iris,
as argocd.argoproj.io/tracking-id tells, and would undo an edit made here. The edit to make there:

      kind: ModelDeployment
      metadata: {name: iris, namespace: ml}
      spec:
  -   version: 2
  +   version: 1

and then: argocd app get --refresh models

Or at once, leaving spec alone:

      kubectl pintle reject iris version/2 -n ml"""
    )
    assert handed.data()["after"] == {"version": 1}
    impossible = HandedOver(deployment, change, owner, None, "nothing could take its place")
    assert impossible.lines()[-1] == (
        "At once, leaving spec alone, is not possible: nothing could take its place"
    )
