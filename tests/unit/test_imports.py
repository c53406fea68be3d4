"""The architecture is executable: the import contracts of pyproject.toml hold, and would notice."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _lint(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [program, "--no-cache", *args], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_contracts_hold() -> None:
    found = _lint()
    assert found.returncode == 0, found.stdout
    assert "6 kept, 0 broken" in found.stdout


def test_a_wrong_import_is_noticed(tmp_path: Path) -> None:
    """The control: the same contracts over a package in which `plan` imports an adapter."""
    package = tmp_path / "operator" / "pintle"
    for source in (ROOT / "operator" / "pintle").rglob("*.py"):
        copy = package / source.relative_to(ROOT / "operator" / "pintle")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    plan = package / "plan.py"
    wrong = "\nfrom pintle.adapters import clock  # noqa\nimport kopf  # noqa\n"
    plan.write_text(plan.read_text() + wrong)
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    program = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [program, "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "operator"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1, found.stdout
    assert "pintle.plan -> pintle.adapters.clock" in found.stdout
    assert "pintle.plan -> kopf" in found.stdout


def test_the_folder_operator_is_no_package() -> None:
    """With `operator/__init__.py` Python's own module `operator` would be shadowed: pytest dies of it."""
    assert not (ROOT / "operator" / "__init__.py").exists()
