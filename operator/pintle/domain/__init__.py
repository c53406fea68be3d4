"""Frozen values that decisions are made from and consist of. No logic but what a value says of itself."""

from pintle.domain.observed import (
    Child,
    Connection,
    Defaults,
    Exit,
    Fault,
    Key,
    Observed,
    PodView,
    Traffic,
    Workload,
)
from pintle.domain.plan import Action, Create, Delete, Json, Notice, Patch, Plan, Replace, Resource, Stage
from pintle.domain.registry import Failed, Identity, Pending, Query, RegisteredVersion, Resolution, Resolved
from pintle.domain.revision import Cleared, NewRevision, Record, Rejected, RuntimeChoice

__all__ = [
    "Action",
    "Child",
    "Cleared",
    "Connection",
    "Create",
    "Defaults",
    "Delete",
    "Exit",
    "Failed",
    "Fault",
    "Identity",
    "Json",
    "Key",
    "NewRevision",
    "Notice",
    "Observed",
    "Patch",
    "Pending",
    "Plan",
    "PodView",
    "Query",
    "Record",
    "RegisteredVersion",
    "Rejected",
    "Replace",
    "Resolution",
    "Resolved",
    "Resource",
    "RuntimeChoice",
    "Stage",
    "Traffic",
    "Workload",
]
