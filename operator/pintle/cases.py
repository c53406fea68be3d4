"""Golden cases: what `spec.rollout.proof.cases` refers to, checked before it is recorded. Pure.

The text is kept as it was written, as the order of a request's members can be that of a table's columns.
Of a ConfigMap that is no list of cases nothing is recorded, and nothing of its content is told.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from pintle.api import Cases, ModelDeployment
from pintle.conditions import Reason
from pintle.domain import GoldenCases, Json
from pintle.errors import ClusterError, NotFound

MOST = 32
# They are recorded with the revision, and an object of the API server holds 1.5 MB at the most.
MOST_BYTES = 256 * 1024
MOST_LETTERS = 63  # of a name
MOST_MILLISECONDS = 3_600_000


class _Faulty(Exception):
    """What is wrong with a text of cases, and what to write instead."""


def declared(deployment: ModelDeployment) -> Cases | None:
    """Where the cases are, or None where none are declared."""
    return deployment.spec.rollout.proof.cases


def found(deployment: ModelDeployment, ref: Cases, config: Json | ClusterError) -> GoldenCases:
    """The cases of a ConfigMap as it was read, or why there are none."""
    where = f"ConfigMap {ref.config_map_ref.name}"
    names = f"which spec.rollout.proof.cases names; {ref.key} is to hold a JSON list of cases"
    if isinstance(config, NotFound):
        name, key = ref.config_map_ref.name, ref.key
        command = f"kubectl -n {deployment.namespace} create configmap {name} --from-file={key}"
        return _problem(
            f"there is no {where} in namespace {deployment.namespace}, which spec.rollout.proof.cases names: "
            f"{command}"
        )
    if isinstance(config, ClusterError):
        return GoldenCases(reason=Reason.RESOLVING, problem=f"cannot look at {where}: {config.message}")
    text = (config.get("data") or {}).get(ref.key)
    if not isinstance(text, str):
        return _problem(f"{where} in namespace {deployment.namespace} has no key {ref.key}, {names}")
    try:
        _check(text)
    except _Faulty as faulty:
        return _problem(f"key {ref.key} of {where}, {names.partition(';')[0]}: {faulty}")
    return GoldenCases(text)


def _problem(text: str) -> GoldenCases:
    return GoldenCases(reason=Reason.INVALID_SPEC, problem=text)


def _check(text: str) -> None:
    """Raise _Faulty where this is no list of cases."""
    size = len(text.encode())
    if size > MOST_BYTES:
        raise _Faulty(
            f"{size} bytes of cases are more than the {MOST_BYTES} that are recorded: leave some out"
        )
    try:
        cases = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Faulty(f"this is no JSON (line {error.lineno}, column {error.colno})") from None
    if not isinstance(cases, list):
        raise _Faulty('write a JSON list of cases: [{"request": ..., "expect": ...}]')
    if not 1 <= len(cases) <= MOST:
        raise _Faulty(f"there are {len(cases)} cases: write 1 to {MOST}")
    for number, case in enumerate(cases, 1):
        try:
            _check_case(case)
        except _Faulty as faulty:
            raise _Faulty(f"case {number} {faulty}") from None


def _check_case(case: Any) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(case, Mapping):
        raise _Faulty("is no object: write request and expect")
    _only(case, "name", "request", "expect", "maxLatencyMilliseconds")
    name = case.get("name", "")
    if not isinstance(name, str) or len(name) > MOST_LETTERS:
        raise _Faulty(f"has a name that is no text of at most {MOST_LETTERS} characters")
    if not isinstance(case.get("request"), Mapping):
        raise _Faulty("has no request: write the JSON object that a client would send to /invocations")
    _check_expectation(case.get("expect"))
    latency = case.get("maxLatencyMilliseconds", 1)
    if not isinstance(latency, int) or isinstance(latency, bool) or not 1 <= latency <= MOST_MILLISECONDS:
        raise _Faulty(f"has a maxLatencyMilliseconds that is no whole number from 1 to {MOST_MILLISECONDS}")


def _check_expectation(expect: Any) -> None:  # noqa: ANN401 - any JSON value
    if not isinstance(expect, Mapping) or ("equals" in expect) == ("within" in expect):
        raise _Faulty('expects nothing: write {"equals": ...} or {"within": ..., "tolerance": ...} as expect')
    _only(expect, "equals", "within", "tolerance", of="expect")
    tolerance: Any = expect.get("tolerance")
    if "equals" in expect and tolerance is not None:
        raise _Faulty("has a tolerance, which goes with within: an answer is equal or it is not")
    if "within" in expect and not (_is_number(tolerance) and tolerance >= 0):
        raise _Faulty("has no tolerance: write beside within by how much a number may be off, such as 0.1")


def _only(given: Mapping[str, Any], *known: str, of: str = "") -> None:
    if unknown := sorted(given.keys() - set(known)):
        where = f" in {of}" if of else ""
        raise _Faulty(f"has the unknown member {unknown[0][:MOST_LETTERS]}{where}: write {', '.join(known)}")


def _is_number(value: Any) -> bool:  # noqa: ANN401 - any JSON value
    return isinstance(value, int | float) and not isinstance(value, bool)
