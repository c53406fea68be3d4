"""The page about S3 and its template: roles that nobody else can assume, and names that agree."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pintle.desired.pod import template
from pintle.naming import CREDENTIALS_TYPE, LABEL_USABLE_BY_MODELS
from pintle_runtime.fetch import credentials
from tests.support import stores
from tests.support.builders import new_revision
from tests.support.cloudformation import filled, load
from tests.support.console import File, steps
from tests.support.schemas import REPOSITORY

FOLDER = REPOSITORY / "docs/how-to"
PAGE = (FOLDER / "aws.md").read_text()
TEMPLATE = load(FOLDER / "aws/bucket-and-role.yaml")
FILES = {step.name: yaml.safe_load(step.text) for step in steps(PAGE) if isinstance(step, File)}

GIVEN = dict(re.findall(r"^      (\w+)=(\S+)", PAGE, re.MULTILINE))
PRINTED = dict(re.findall(r"^(\w+) +((?:arn:|s3://)\S+)$", PAGE, re.MULTILINE))
ISSUER = GIVEN["OidcIssuer"]
BUCKET = "arn:aws:s3:::b"
NAMES: dict[str, Any] = {
    "AWS::Partition": "aws",
    "AWS::AccountId": "111122223333",
    "Bucket": "b",
    "Bucket.Arn": BUCKET,
    "Prefix": TEMPLATE["Parameters"]["Prefix"]["Default"],
    **GIVEN,
    "ModelServiceAccounts": GIVEN["ModelServiceAccounts"].split(","),
}


def _role(name: str, other: dict[str, Any] | None = None) -> dict[str, Any]:
    properties: dict[str, Any] = filled(TEMPLATE["Resources"][name]["Properties"], NAMES | (other or {}))
    return properties


def _actions(role: str) -> set[str]:
    (policy,) = _role(role)["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    actions = [s["Action"] if isinstance(s["Action"], list) else [s["Action"]] for s in statements]
    return {action for each in actions for action in each}


@pytest.mark.parametrize(
    ("role", "given", "subjects"),
    [
        ("ArtifactRole", {}, "system:serviceaccount:mlflow:mlflow"),
        ("ModelRole", {}, ["system:serviceaccount:ml:models"]),
        (
            "ModelRole",
            {"ModelServiceAccounts": ["ml:models", "fraud:models"]},
            ["system:serviceaccount:ml:models", "system:serviceaccount:fraud:models"],
        ),
    ],
)
def test_a_role_is_assumed_by_its_accounts_alone(
    role: str, given: dict[str, Any], subjects: str | list[str]
) -> None:
    trust = json.loads(_role(role, given)["AssumeRolePolicyDocument"])
    assert trust["Statement"] == [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{ISSUER}"},
            "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": subjects}},
        }
    ]


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("OidcIssuer", f"https://{ISSUER}"),
        ("OidcIssuer", 'a", "b'),
        ("ArtifactServiceAccount", "mlflow:*"),
        ("ArtifactServiceAccount", "mlflow"),
        ("ModelServiceAccounts", 'ml:models", "system:serviceaccount:kube-system:admin'),
        ("ModelServiceAccounts", "ml:model?"),
        ("Prefix", "mlflow/"),
        ("Prefix", "*"),
    ],
)
def test_parameters_that_would_say_something_else_are_refused(parameter: str, value: str) -> None:
    pattern = TEMPLATE["Parameters"][parameter]["AllowedPattern"]
    assert not re.fullmatch(pattern, value)
    assert re.fullmatch(pattern, GIVEN.get(parameter, "mlflow")), "the control"


@pytest.mark.parametrize("role", ["ArtifactRole", "ModelRole"])
def test_a_role_reaches_nothing_but_the_prefix(role: str) -> None:
    (policy,) = _role(role)["Policies"]
    listing, objects = policy["PolicyDocument"]["Statement"]
    assert (listing["Action"], listing["Resource"]) == ("s3:ListBucket", BUCKET)
    assert listing["Condition"] == {"StringLike": {"s3:prefix": "mlflow/*"}}
    assert objects["Resource"] == f"{BUCKET}/mlflow/*"


def test_a_model_pod_may_do_what_reading_takes() -> None:
    """With these two, and no more, models are read from a real S3 server in tests/e2e/test_real_stores.py."""
    assert set(re.findall(r"s3:[A-Z]\w+", stores._PREPARE)) == _actions("ModelRole")


def test_a_model_pod_changes_nothing() -> None:
    writing = {action for action in _actions("ArtifactRole") if re.search("Put|Delete|Abort", action)}
    assert len(writing) == 3, "the control"
    assert not writing & _actions("ModelRole")


def test_the_bucket_outlives_the_stack_and_is_reached_by_tls_alone() -> None:
    bucket = TEMPLATE["Resources"]["Bucket"]
    assert {bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]} == {"Retain"}
    policy = filled(TEMPLATE["Resources"]["BucketPolicy"]["Properties"], NAMES)["PolicyDocument"]
    (statement,) = policy["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [BUCKET, f"{BUCKET}/*"]


def test_the_page_gives_the_parameters_that_are_needed() -> None:
    parameters = TEMPLATE["Parameters"]
    assert GIVEN.keys() == {name for name, parameter in parameters.items() if "Default" not in parameter}


def test_the_page_prints_what_the_stack_puts_out() -> None:
    assert PRINTED.keys() == TEMPLATE["Outputs"].keys()
    assert filled(TEMPLATE["Outputs"]["ArtifactRoot"], NAMES)["Value"] == "s3://b/mlflow"
    for name in ("ArtifactRole", "ModelRole"):
        assert TEMPLATE["Outputs"][f"{name}Arn"]["Value"] == {"Fn::GetAtt": f"{name}.Arn"}


def test_the_page_tells_what_the_roles_may_do() -> None:
    rows = {
        role: set(re.findall(r"`(s3:\w+)`", row))
        for role, row in re.findall(r"^\| `(\w+Role)` \|(.*)$", PAGE, re.MULTILINE)
    }
    assert rows["ModelRole"] == _actions("ModelRole")
    assert rows["ModelRole"] | rows["ArtifactRole"] == _actions("ArtifactRole")


def test_the_account_of_the_page_is_the_one_that_is_trusted() -> None:
    account, model = FILES["models.yaml"]["metadata"], FILES["iris.yaml"]["spec"]
    (namespace,) = set(re.findall(r"kubectl -n (\w+) apply", PAGE))
    assert f"{namespace}:{account['name']}" == GIVEN["ModelServiceAccounts"]
    assert model["serviceAccountName"] == account["name"]
    assert account["labels"] == {LABEL_USABLE_BY_MODELS: "true"}
    assert account["annotations"] == {"eks.amazonaws.com/role-arn": PRINTED["ModelRoleArn"]}
    assert FILES["models.yaml"]["automountServiceAccountToken"] is False


def test_pods_carry_the_annotation_of_the_page() -> None:
    annotations = template(new_revision(), "iris")["metadata"]["annotations"]
    (told,) = set(re.findall(r"`(eks\.amazonaws\.com/skip-containers): ([\w,]+)`", PAGE))
    assert annotations[told[0]] == told[1]


def test_a_certificate_is_where_the_page_says() -> None:
    fetch = template(new_revision(secret_name="mlflow-credentials"), "iris")["spec"]["initContainers"][0]
    mounts = {mount["name"]: mount["mountPath"] for mount in fetch["volumeMounts"]}
    (told,) = re.findall(r"`AWS_CA_BUNDLE`.*?`(/[^`]+)/ca\.crt`", PAGE)
    assert told == mounts["credentials"]


@pytest.mark.parametrize("file", ["store.yaml", "keys.yaml"])
def test_fetch_reads_every_key_of_the_secrets(file: str, tmp_path: Path) -> None:
    secret = FILES[file]
    assert secret["type"] == CREDENTIALS_TYPE
    assert secret["metadata"]["name"] == FILES["with-keys.yaml"]["spec"]["secretRef"]["name"]
    for key, value in secret["stringData"].items():
        (tmp_path / key).write_text(value)
    assert credentials.read(tmp_path).aws == secret["stringData"]
