"""Predictions sent from inside the cluster, all the time, and an exact record of what came of each.

from demo.traffic import Declared, Target, Traffic, flip_backs, totals

iris = Target("iris", "iris.demo.svc", body=..., rate=150)
with Traffic(cluster.kubectl(), namespace="demo", targets=[iris]) as traffic:
    traffic.wait_live("iris", timeout=60)
    declared = Declared(time.time(), {"1"})
    ...                                         # edit to version 2
    declared.allow(time.time(), {"1", "2"})     # both may answer while the change is under way
    ...                                         # Ready is True
    declared.allow(time.time(), {"2"})
    requests = traffic.stop()
print(totals(requests, declared))

Times are seconds since 1970 by the clock of the node. In an embedded or a kind cluster that is the clock of
this machine; on TESTBED=current they are as comparable as the clocks of the two machines.
"""

from demo.traffic.driver import Traffic, TrafficError
from demo.traffic.figures import Declared, Totals, answers_by, flip_backs, latencies, totals, undeclared
from demo.traffic.generator.config import Target
from demo.traffic.log import Log, Request
from demo.traffic.manifest import IMAGE

__all__ = [
    "IMAGE",
    "Declared",
    "Log",
    "Request",
    "Target",
    "Totals",
    "Traffic",
    "TrafficError",
    "answers_by",
    "flip_backs",
    "latencies",
    "totals",
    "undeclared",
]
