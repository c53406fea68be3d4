"""A real Prometheus that reads one place, with our alerts, for as long as a block lasts."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import yaml

from testbed import prometheus
from tests.support import monitoring
from tests.support.ports import free_port
from tests.support.waiting import until

SCRAPE_SECONDS = 1


class Prometheus:
    """Answers queries about what it has read so far."""

    def __init__(self, url: str) -> None:
        self._url = url

    def query(self, text: str) -> list[dict[str, Any]]:
        """The series that a query gives now. An AssertionError is what Prometheus says against it."""
        found: list[dict[str, Any]] = self._get("query", query=text)["result"]
        return found

    def alerts(self) -> dict[str, dict[str, Any]]:
        """What has become of each alert: `health`, `lastError`, `state` (inactive, pending, firing)."""
        return {rule["name"]: rule for group in self._get("rules")["groups"] for rule in group["rules"]}

    def targets(self) -> list[dict[str, Any]]:
        """What it reads, and how that went."""
        found: list[dict[str, Any]] = self._get("targets")["activeTargets"]
        return found

    def _get(self, what: str, **query: str) -> dict[str, Any]:
        answer = requests.get(f"{self._url}/api/v1/{what}", params=query, timeout=30).json()
        assert answer["status"] == "success", answer
        found: dict[str, Any] = answer["data"]
        return found


@contextmanager
def reading(folder: Path, address: str, path: str = "/metrics") -> Iterator[Prometheus]:
    """Run it from its first good reading on; what it keeps is in `folder`."""
    port = free_port()
    configuration = folder / "prometheus.yaml"
    configuration.write_text(yaml.safe_dump(_configuration(folder, address, path)))
    command = [
        str(prometheus.prometheus()),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    found = Prometheus(f"http://127.0.0.1:{port}")
    log = folder / "prometheus.log"
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            until(lambda: _reads(found), within=120, what="Prometheus reads", now=log.read_text)
            yield found
        finally:
            process.terminate()
            process.wait(30)


def _configuration(folder: Path, address: str, path: str) -> dict[str, Any]:
    rules = folder / "alerts.yaml"
    rules.write_text(yaml.safe_dump({"groups": monitoring.groups()}))
    every = f"{SCRAPE_SECONDS}s"
    job = {
        "job_name": "pintle-operator",
        "honor_labels": True,
        "metrics_path": path,
        "static_configs": [{"targets": [address]}],
    }
    intervals = {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every}
    return {"global": intervals, "rule_files": [str(rules)], "scrape_configs": [job]}


def _reads(found: Prometheus) -> bool:
    try:
        return any(target["health"] == "up" for target in found.targets())
    except requests.RequestException:  # it is starting
        return False
