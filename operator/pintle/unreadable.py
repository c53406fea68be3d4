"""What is said of a ModelDeployment that cannot be read.

Admission refuses what the schema can see. What was stored under another schema, or by an API server without
ours, is left as it is: nothing is decided for it, and what serves serves on (P1, P9).
"""

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from pintle.conditions import Condition, Reason, Type, kstatus, render
from pintle.domain import Json


def status(body: Json, error: ValidationError, now: datetime) -> dict[str, Any]:
    """The status of such an object: as it was, but for the conditions."""
    before = body.get("status") or {}
    generation = int(body["metadata"].get("generation", 0))
    text = f"{_problems(error)}: nothing is decided until that is corrected; what serves keeps serving"
    ready = Condition(Type.READY, False, Reason.INVALID_SPEC, text)
    unknown = tuple(
        Condition(one, None, Reason.INVALID_SPEC, "not looked at: the object cannot be read")
        for one in (Type.AVAILABLE, Type.RESOLVED, Type.PROVEN)
    )
    conditions = (ready, *unknown, *kstatus(ready.reason, ready.message))
    rendered = render(conditions, before.get("conditions") or (), generation=generation, now=now)
    return {**before, "observedGeneration": generation, "conditions": rendered}


def _problems(error: ValidationError) -> str:
    """Each field that is wrong and what is wrong with it; not its value, which may be a megabyte."""
    found = (f"{'.'.join(map(str, one['loc']))} ({one['msg']})" for one in error.errors(include_input=False))
    return f"cannot read {', '.join(found)}"
