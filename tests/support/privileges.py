"""What manifests grant, what of it goes too far, and what of it nothing used.

A privilege is `(resource, verb)`; `resource` is `plural.group/subresource`, group and subresource if any.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from tests.support.audit import Request

Manifest: TypeAlias = Mapping[str, Any]
Privilege: TypeAlias = tuple[str, str]

ROLES = ("Role", "ClusterRole")
# Verbs that are a way to more rights than a rule says; subresources that are a way into pods and accounts.
ESCALATING = frozenset({"escalate", "bind", "impersonate", "approve", "sign"})
INTO_PODS = frozenset(
    {
        "pods/exec",
        "pods/attach",
        "pods/portforward",
        "pods/ephemeralcontainers",
        "pods/proxy",
        "nodes/proxy",
        "serviceaccounts/token",
    }
)


def excesses(manifests: Iterable[Manifest]) -> list[str]:
    """What the roles among them grant that nothing of Pintle may have, each in words."""
    return [
        f"{role['kind']} {role['metadata']['name']}: {what}"
        for role in manifests
        if role["kind"] in ROLES
        for rule in role.get("rules") or ()
        for what in _excess(role["kind"], rule)
    ]


def _excess(kind: str, rule: Manifest) -> Iterator[str]:
    resources, verbs = rule.get("resources") or (), rule["verbs"]
    if rule.get("nonResourceURLs"):
        yield "URLs that are no resources"
    for name in (*(rule.get("apiGroups") or ()), *resources, *verbs, *(rule.get("resourceNames") or ())):
        if "*" in name:
            yield f"a wildcard, {name}"
    yield from (f"verb {verb}" for verb in sorted(ESCALATING.intersection(verbs)))
    yield from (f"resource {name}" for name in sorted(INTO_PODS.intersection(resources)))
    if "secrets" in resources:
        if kind == "ClusterRole":
            yield "Secrets in the whole cluster"
        elif list(verbs) != ["get"] or not rule.get("resourceNames"):
            yield "more of Secrets than to get one by its name"


def granted(roles: Iterable[Manifest]) -> frozenset[Privilege]:
    """Every privilege of these roles."""
    return frozenset(
        (_resource(group, resource), verb)
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def used(requests: Iterable[Request]) -> frozenset[Privilege]:
    """What these requests needed. One that was refused counts too: it was asked for."""
    return frozenset((_resource(r.group, r.resource), r.verb) for r in requests if r.resource)


def _resource(group: str, resource: str) -> str:
    plural, _, subresource = resource.partition("/")
    return plural + (f".{group}" if group else "") + (f"/{subresource}" if subresource else "")
