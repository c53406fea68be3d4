"""Pages link to what is there, and the files around the code are of use to the tools that read them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pintle import settings
from tests.support.schemas import REPOSITORY

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def _pages() -> list[Path]:
    top = REPOSITORY.glob("*.md")
    inner = (REPOSITORY / "docs").rglob("*.md")
    return sorted([*top, *inner])


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = FENCE.sub("", page.read_text())
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", h).lower() for h in headings]
    return {re.sub(r"[^\w\- ]", "", h).replace(" ", "-") for h in plain}


@pytest.mark.parametrize("page", _pages(), ids=lambda p: str(p.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name).resolve() if name else page
        missing = not linked.exists() or (anchor and anchor not in _anchors(linked))
        broken += [target] if missing else []
    assert broken == []


def test_every_page_is_in_the_index() -> None:
    docs = REPOSITORY / "docs"
    linked = {(docs / t.partition("#")[0]).resolve() for t in LINK.findall((docs / "README.md").read_text())}
    pages = {p for p in docs.rglob("*.md") if "adr" not in p.parts and p != docs / "README.md"}
    assert {str(p.relative_to(docs)) for p in pages - linked} == set()


def test_the_changelog_is_built_of_its_fragments() -> None:
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "next"]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    fragments = [p for p in (REPOSITORY / "changelog.d").iterdir() if p.name != "README.md"]
    missing = [p.name for p in fragments if p.read_text().splitlines()[0] not in built]
    assert missing == []


def test_hooks_run_programs_of_the_project() -> None:
    """Nothing may be fetched at a commit, and the tools have the versions of the lock."""
    configuration = yaml.safe_load((REPOSITORY / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in configuration["repos"] for hook in repo["hooks"]]
    assert {repo["repo"] for repo in configuration["repos"]} == {"local"}
    assert all(hook["language"] == "system" for hook in hooks)
    assert {hook["entry"].split()[0] for hook in hooks} == {".venv/bin/ruff", ".venv/bin/mypy"}


def test_every_setting_of_the_operator_is_documented_with_its_default() -> None:
    page = (REPOSITORY / "docs/reference/settings.md").read_text()
    rows = dict(re.findall(r"^\| (`[^|]+) \| *([^|]*?) *\|", page, re.MULTILINE))
    told = {name: default for names, default in rows.items() for name in re.findall(r"`([A-Z_]+)`", names)}
    fields = {settings.variable(name): field for name, field in settings.Settings.model_fields.items()}
    assert set(told) == set(fields)
    for name, default in told.items():
        if default not in ("", "all", "none"):
            assert default == str(fields[name].default).removesuffix(".0").replace("True", "true"), name
