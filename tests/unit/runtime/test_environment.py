"""Which requirements an environment satisfies, and how environments are told apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pintle_runtime import environment
from pintle_runtime.environment import Package
from pintle_runtime.requirements import Requirements


def package(name: str, version: str, *requires: str) -> Package:
    return Package(name, version, tuple(map(Requirement, requires)))


def holding(*packages: Package) -> dict[str, Package]:
    return {item.name: item for item in packages}


IMAGE = holding(
    package(
        "pintle-runtime",
        "0.1.0",
        "mlflow-skinny==3.17.2",
        "uvicorn>=0.37",
        "pandas>=2.3",
        "scikit-learn>=1.7",
    ),
    package(
        "mlflow-skinny",
        "3.17.2",
        "pydantic<3,>=2",
        'gone<1; python_version < "3"',
        "databricks-sdk<1; extra == 'x'",
    ),
    package("pydantic", "2.14.3", "typing-extensions>=4.6"),
    package("typing-extensions", "4.16.0"),
    package(
        "uvicorn",
        "0.54.0",
        "click>=7",
        "httptools>=0.6.3; extra == 'standard'",
        "watchfiles>=0.20; extra == 'standard'",
    ),
    package("click", "8.5.1"),
    package("httptools", "0.9.0"),
    package("pandas", "3.1.1"),
    package("scikit-learn", "1.9.1"),
    package("nightly", "2.0.0.dev1"),
)


def wanted(*packages: str, constraints: tuple[str, ...] = (), wheels: tuple[Path, ...] = ()) -> Requirements:
    return Requirements(tuple(map(Requirement, packages)), tuple(map(Requirement, constraints)), wheels)


@pytest.mark.parametrize(
    "asked",
    [
        wanted(),
        wanted("scikit-learn==1.9.1", "pandas"),
        wanted("Scikit_Learn>=1.9"),
        wanted("mlflow==3.17.2"),
        wanted("mlflow==2.22.0", "mlflow-skinny==2.22.0", "mlflow[extras]<2"),
        wanted('absent==1; python_version < "3"'),
        wanted("nightly"),
        wanted("uvicorn[unknown]"),
        wanted("pandas", constraints=("scikit-learn<2", "absent==1", "mlflow<1")),
        wanted(constraints=('pandas<1; python_version < "3"',)),
    ],
)
def test_satisfied(asked: Requirements) -> None:
    assert environment.missing(IMAGE, asked) == []


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (wanted("scikit-learn==1.6.1"), "scikit-learn==1.6.1 is wanted, 1.9.1 is there"),
        (wanted("xgboost"), "xgboost is not installed"),
        (wanted("uvicorn[standard]"), "watchfiles is not installed"),
        (wanted("pandas", constraints=("scikit-learn<1.9",)), "scikit-learn<1.9 is wanted, 1.9.1 is there"),
        (
            wanted(wheels=(Path("/model/helper-1.0-py3-none-any.whl"),)),
            "helper-1.0-py3-none-any.whl is the artifact's own",
        ),
        (wanted("mlflow==3.17.2", "shap"), "shap is not installed"),
    ],
)
def test_not_satisfied(asked: Requirements, words: str) -> None:
    assert environment.missing(IMAGE, asked) == [words]


def test_mlflow_is_never_installed() -> None:
    asked = wanted("mlflow==2.22.0", "shap", constraints=("mlflow-skinny<3", "numpy<3"))
    assert environment.to_install(asked) == wanted("shap", constraints=("numpy<3",))


def test_another_mlflow_is_told() -> None:
    asked = wanted("mlflow==2.22.0", "mlflow>=3", "mlflow-skinny==3.17.2")
    assert environment.provided(asked, IMAGE) == ["mlflow==2.22.0"]


def test_the_runtimes_own_needs_become_constraints_and_the_models_packages_do_not() -> None:
    assert environment.runtime_constraints(IMAGE) == [
        "click>=7",
        "pydantic<3,>=2",
        "typing-extensions>=4.6",
        "uvicorn>=0.37",
    ]


def test_the_digest_is_that_of_the_sorted_lines() -> None:
    held = holding(package("b", "2"), package("a", "1.0"))
    by_hand = hashlib.sha256(b"a==1.0\nb==2\n").hexdigest()
    assert environment.digest(held) == f"sha256:{by_hand}"


def test_the_first_of_a_name_wins_as_it_does_for_import(tmp_path: Path) -> None:
    for folder, name, version in (
        ("first", "Some_Name", "2"),
        ("second", "some-name", "1"),
        ("second", "other", "1"),
    ):
        info = tmp_path / folder / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Dist: not a requirement !\n"
        )
    (tmp_path / "second/broken-1.dist-info").mkdir()
    found = environment.inspect([str(tmp_path / "first"), str(tmp_path / "second")])
    assert {name: item.version for name, item in found.items()} == {"some-name": "2", "other": "1"}


def test_this_environment_satisfies_the_runtime_itself() -> None:
    here = environment.inspect(environment.site_path())
    constraints = [Requirement(line) for line in environment.runtime_constraints(here)]
    assert {"pydantic", "uvicorn"} <= {constraint.name for constraint in constraints}
    assert environment.missing(here, Requirements(constraints=tuple(constraints))) == []
