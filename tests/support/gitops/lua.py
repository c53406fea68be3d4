"""A health check as Argo CD runs it (argo-cd, util/lua/lua.go, ExecuteHealthLua)."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from lupa import lua51  # type: ignore[import-untyped] # lupa has no types of its own

LuaError = lua51.LuaError

STATUSES = frozenset({"Healthy", "Progressing", "Suspended", "Degraded", "Missing", "Unknown"})

# Lua 5.1 as Argo CD has it (gopher-lua). A check from argocd-cm gets the base and table libraries unless an
# administrator sets useOpenLibs; not even the methods of strings are there.
_CLOSE_LIBRARIES = """
debug.setmetatable("", nil)
for _, name in ipairs({"coroutine", "debug", "io", "math", "os", "python", "string", "dofile", "loadfile"}) do
  _G[name] = nil
end
"""


class Health(NamedTuple):
    """What a check says."""

    status: str
    message: str


def health(script: str, obj: Mapping[str, Any]) -> Health:
    """Run a check over an object.

    Raises:
        LuaError: the script fails.
        TypeError, ValueError: it returns no table, or a status that Argo CD takes for Unknown.
    """
    runtime = lua51.LuaRuntime(register_eval=False, register_builtins=False, unpack_returned_tuples=False)
    runtime.execute(_CLOSE_LIBRARIES)
    runtime.globals().obj = runtime.table_from(obj, recursive=True)
    answer = runtime.execute(script)
    if lua51.lua_type(answer) != "table":
        raise TypeError(f"the check returns {answer!r} instead of a table")
    if answer["status"] not in STATUSES:
        raise ValueError(f"{answer['status']!r} is no health status of Argo CD")
    return Health(answer["status"], answer["message"] or "")
