"""An edited deployment compared with one that was made with its spec.

They may differ in what the past leaves: the history, a standby, and what serves while what is declared
cannot.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from pintle.domain.resources import BUDGETS, DEPLOYMENTS, PODS, SERVICES
from pintle.naming import ANNOTATION_REJECT, LABEL_REVISION
from tests.support.fake_controllers import is_ready
from tests.support.fake_pods import Fate
from tests.support.watchman import selected
from tests.support.world import NAME, NAMESPACE, World

SETTLED = 30.0  # seconds: more than any of the rollouts here takes
# What a message says of one pod, and of what serves meanwhile.
_OF_THE_PAST = re.compile(
    r" \(pod [^)]*\)|; (version|revision) .*|; nothing serves yet|; there is no other .*"
)


class Fresh:
    """Deployments by what is declared, each made once. `fates` are those of the versions' pods."""

    def __init__(self, versions: tuple[str, ...], fates: Mapping[str, Fate]) -> None:
        self._versions = versions
        self._fates = fates
        self._known: dict[bytes, dict[str, Any]] = {}

    def world(self) -> World:
        """A world in which nothing is declared yet."""
        world = World(*self._versions)
        for version, fate in self._fates.items():
            world.fate(version, fate)
        return world

    def differences(self, edited: World) -> dict[str, tuple[Any, Any]]:
        """What of a deployment at rest is not as it should be: as it should be, and as it is."""
        spec = edited.body["spec"]
        command = (edited.body["metadata"].get("annotations") or {}).get(ANNOTATION_REJECT)
        found, fresh = shown(edited), self._made(spec, command)
        # What is declared, were it not held back.
        ready = self._made(spec | {"suspend": False, "replicas": max(1, spec["replicas"])}, command)
        wanted = fresh
        if not fresh["Ready"][0]:
            if found["serving"] and found["serving"] == ready["serving"]:
                wanted = ready  # it was proven before it was held back
            elif spec["replicas"] == 0 and found["Ready"] == ready["Ready"]:
                wanted = ready  # it was rejected before, and stays so
            wanted = wanted | _whole(found, spec["replicas"])
        return {key: (wanted[key], found[key]) for key in wanted if wanted[key] != found[key]}

    def _made(self, spec: Mapping[str, Any], command: str | None) -> dict[str, Any]:
        key = orjson.dumps([spec, command], option=orjson.OPT_SORT_KEYS)
        if key not in self._known:
            world = self.world()
            world.apply(**spec)
            world.annotate(**{ANNOTATION_REJECT: command})
            world.run(SETTLED)
            self._known[key] = shown(world)
        return self._known[key]


def shown(world: World) -> dict[str, Any]:
    """All of a deployment that a fresh one has too, and that holds no times."""
    conditions = {c["type"]: c for c in world.status["conditions"]}
    ready = conditions["Ready"]
    service = world.api.find(SERVICES, NAMESPACE, NAME)
    serving = selected(service) if service else None
    pods = Counter(
        p["metadata"]["labels"][LABEL_REVISION] for p in world.api.objects(PODS) if is_ready(p) or not serving
    )
    budget = world.api.find(BUDGETS, NAMESPACE, NAME)
    workload = world.api.find(DEPLOYMENTS, NAMESPACE, serving or "")
    return {
        "Ready": (ready["status"] == "True", ready["reason"]),
        "message": "" if ready["status"] == "True" else _OF_THE_PAST.sub("", ready["message"]),
        **{name: conditions[name]["status"] for name in ("Resolved", "Available", "Proven")},
        "kstatus": sorted(conditions.keys() & {"Stalled", "Reconciling"}),
        "seen": world.status["observedGeneration"] == world.body["metadata"]["generation"],
        "wanted": world.status["wanted"],
        "serving": serving,
        "ports": service and service["spec"]["ports"],
        "protected": budget and budget["spec"]["selector"]["matchLabels"].get(LABEL_REVISION),
        "replicas": workload and workload["spec"]["replicas"],
        "template": workload and workload["spec"]["template"],
        "pods": pods[serving or ""],
        "candidate": (world.status.get("candidate") or {}).get("revision"),
    }


def _whole(found: Mapping[str, Any], replicas: int) -> dict[str, Any]:
    """Who serves, serves whole, whatever it is that served before."""
    same = {"ports": found["ports"], "template": found["template"], "serving": found["serving"]}
    if found["serving"] is None:
        return {}
    return same | {
        "Available": "True",
        "Proven": "True",
        "protected": found["serving"],
        "replicas": replicas,
        "pods": replicas,
    }
