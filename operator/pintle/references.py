"""What a new revision refers to that no watch tells of: its ServiceAccount, and its golden cases.

They are looked at only when a new revision would use them: one read of each, then. What serves, what is
warm and what is recorded needs neither.
"""

from dataclasses import replace

from pintle import cases, declared
from pintle.domain import Observed
from pintle.domain.resources import CONFIG_MAPS, SERVICE_ACCOUNTS
from pintle.errors import ClusterError, NotFound
from pintle.naming import LABEL_USABLE_BY_MODELS
from pintle.ports import Cluster

# What cannot be used is looked at again after so long: whoever mends it should not wait for a resync.
AGAIN_SECONDS = 15.0


async def look(cluster: Cluster, observed: Observed) -> Observed:
    """Look at what the declared revision refers to, if it has yet to be made."""
    if observed.terminating or declared.declared(observed).new is None:
        return observed
    deployment = observed.deployment
    if (account := deployment.spec.service_account_name) is not None:
        try:
            problem = await _account_problem(cluster, deployment.namespace, account)
        except ClusterError as error:
            # A rollback to what is warm needs no account: only the new revision waits.
            problem = f"cannot look at ServiceAccount {account}: {error}"
        observed = replace(observed, account_problem=problem)
    if (ref := cases.declared(deployment)) is not None:
        try:
            config = await cluster.get(CONFIG_MAPS, deployment.namespace, ref.config_map_ref.name)
        except ClusterError as error:
            observed = replace(observed, cases=cases.found(deployment, ref, error))
        else:
            observed = replace(observed, cases=cases.found(deployment, ref, config))
    return observed


def again(observed: Observed) -> float | None:
    """Seconds until what cannot be used is to be looked at again; None where nothing stands in the way."""
    return AGAIN_SECONDS if observed.account_problem or observed.cases.problem else None


async def _account_problem(cluster: Cluster, namespace: str, name: str) -> str:
    label = f"kubectl -n {namespace} label serviceaccount {name} {LABEL_USABLE_BY_MODELS}=true"
    try:
        account = await cluster.get(SERVICE_ACCOUNTS, namespace, name)
    except NotFound:
        return f"there is no ServiceAccount {name} in namespace {namespace}: create it, then: {label}"
    labels = account["metadata"].get("labels") or {}
    if labels.get(LABEL_USABLE_BY_MODELS) == "true":
        return ""
    return f"ServiceAccount {name} is not meant for models; if it is: {label}"
