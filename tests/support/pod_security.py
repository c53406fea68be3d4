"""Whether the namespaces of tests have Pod Security `restricted` enforced, by the API server's word.

Its audit log has every namespace that was made or changed, whoever did it and by whatever means, as it was
then: one that lacked the label for a moment is found as well as one that never had it.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from testbed.cluster import Cluster
from tests.support.audit import AuditLog

ENFORCE = "pod-security.kubernetes.io/enforce"
# Kubernetes' own, which a cluster has before any test.
_ITS_OWN = ("default", "kube-")


def unrestricted(audit: AuditLog, mark: int) -> tuple[set[str], set[str]]:
    """All namespaces since a mark, and those of them that at some time did not enforce `restricted`."""
    bodies = [b["metadata"] for b in audit.namespaces(mark) if not b["metadata"]["name"].startswith(_ITS_OWN)]
    without = {m["name"] for m in bodies if m.get("labels", {}).get(ENFORCE) != "restricted"}
    return {m["name"] for m in bodies}, without


@contextmanager
def restricting(cluster: Cluster) -> Iterator[None]:
    """See that all namespaces of the block enforced `restricted`, where the cluster has an audit log."""
    if cluster.audit_log is None:
        yield
        return
    audit = AuditLog(cluster.audit_log)
    mark = audit.mark()
    yield
    _, without = unrestricted(audit, mark)
    assert not without, f"Pod Security restricted is not enforced in {', '.join(sorted(without))}"
