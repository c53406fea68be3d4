"""The scanners have nothing against what is ours, and each finds what is wrong when something is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from supply import scanners
from supply.scanners import Result

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

DOCKERFILE = """
FROM docker.io/library/debian:latest
RUN cd /tmp && sudo apt-get install curl
"""
CODE = """
import pickle, subprocess
def run(text: str, data: bytes) -> object:
    subprocess.call(text, shell=True)
    return pickle.loads(data)
"""
PRIVILEGED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: bad, namespace: default}
spec:
  selector: {matchLabels: {app: bad}}
  template:
    metadata: {labels: {app: bad}}
    spec:
      containers:
        - name: bad
          image: bad:1
          securityContext: {privileged: true}
"""
DEPLOYMENT = """
apiVersion: pintle.dev/v1alpha1
kind: ModelDeployment
metadata: {name: iris, namespace: ml}
spec: {model: iris, version: 3, registryRef: {name: mlflow}%s}
"""
TEMPLATE = scanners.TEMPLATE.read_text()
BUCKET = """
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Bucket: {Type: AWS::S3::Bucket}
"""


@pytest.mark.parametrize("name", scanners.OURS)
def test_nothing_is_found(name: str) -> None:
    result = scanners.OURS[name]()
    assert result.clean, result.words


def _file(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


WRONG: dict[str, tuple[Callable[[Path], Result], str]] = {
    "a tag that moves": (lambda d: scanners.hadolint(_file(d, "Dockerfile", DOCKERFILE)), "DL3007"),
    "sudo": (lambda d: scanners.hadolint(_file(d, "Dockerfile", DOCKERFILE)), "DL3004"),
    "a shell": (lambda d: scanners.bandit([_file(d, "bad.py", CODE).parent]), "B602"),
    "pickle": (lambda d: scanners.bandit([_file(d, "bad.py", CODE).parent]), "B301"),
    "a privileged pod": (lambda d: scanners.checkov(_file(d, "bad.yaml", PRIVILEGED)), "CKV_K8S_16"),
    "a bucket that anybody may read": (
        lambda d: scanners.checkov(_file(d, "bad.yaml", BUCKET)),
        "CKV_AWS_53",
    ),
    "a misspelt property of AWS": (
        lambda d: scanners.cfn_lint(
            _file(d, "bad.yaml", TEMPLATE.replace("BlockPublicAcls", "BlockPublicAcl"))
        ),
        "E3002",
    ),
    "a role that is not in the template": (
        lambda d: scanners.cfn_lint(_file(d, "bad.yaml", TEMPLATE.replace("ModelRole.Arn", "Model.Arn"))),
        "'Model' is not one of",
    ),
    "a parameter without use": (
        lambda d: scanners.cfn_lint(_file(d, "bad.yaml", TEMPLATE.replace("${Prefix}", "mlflow"))),
        "W2001",
    ),
    "a misspelt field of Kubernetes": (
        lambda d: scanners.kubeconform(_file(d, "bad.yaml", PRIVILEGED.replace("image:", "imige:"))),
        "imige",
    ),
    "a misspelt field of ours": (
        lambda d: scanners.kubeconform(_file(d, "bad.yaml", DEPLOYMENT % ", replica: 2")),
        "replica",
    ),
    "a wrong type of ours": (
        lambda d: scanners.kubeconform(_file(d, "bad.yaml", DEPLOYMENT % ", replicas: two")),
        "replicas",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_found(what: str, tmp_path: Path) -> None:
    scan, words = WRONG[what]
    result = scan(tmp_path)
    assert not result.clean
    assert words in result.words, result.words


def test_what_is_right_is_right(tmp_path: Path) -> None:
    """The control of those above."""
    result = scanners.kubeconform(_file(tmp_path, "good.yaml", DEPLOYMENT % ", replicas: 2"))
    assert result.clean, result.words
