"""The mutants: mistakes that somebody could make in `operator/pintle`, each as one textual change."""

from dataclasses import dataclass

HISTORIES = "tests/reconcile/test_histories.py"
REJECTS = "tests/reconcile/test_histories_rejects.py"
KILLED = "tests/reconcile/test_histories_killed.py"
KEPT = "tests/reconcile/test_histories_kept.py"
ROLLOUTS = "tests/reconcile/test_histories_rollouts.py"
DELETED = "tests/reconcile/test_histories_deleted.py"
STATES = "tests/reconcile/test_states.py"
PRECAUTIONS = "tests/reconcile/test_precautions.py"
REVIEW = "tests/reconcile/test_review.py"
OVERLAP = "tests/reconcile/test_two_operators.py::test_a_late_write_of_another_operator"
CANARY = "tests/reconcile/test_canary.py"
ADOPTION = "tests/reconcile/test_adoption.py"
ANY_STATE = "tests/unit/test_decisions.py::test_of_every_state"
POLICIES = "tests/unit/test_policies.py"
SCALING = "tests/reconcile/test_autoscaling.py"


@dataclass(frozen=True)
class Mutant:
    """`old`, which stands once in `module`, becomes `new`; one of `tests` is to fail then."""

    name: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


MUTANTS = (
    Mutant(
        "a flip without its precondition",
        "desired/network.py",
        '"metadata": precondition(traffic)\n        | {"annotations": marks',
        '"metadata": {"annotations": marks',
        (f"{OVERLAP}[roll back]",),
    ),
    Mutant(
        "pods taken away without a precondition",
        "desired/workload.py",
        '"metadata": {"resourceVersion": workload.resource_version, "uid": workload.uid},',
        '"metadata": {},',
        (f"{OVERLAP}[a standby whose time is over]",),
    ),
    Mutant(
        "scaled without a look at what was there",
        "desired/workload.py",
        'expected = {"/metadata/uid": workload.uid, "/spec/replicas": workload.replicas}',
        'expected: dict[str, str | int] = {"/metadata/uid": workload.uid}',
        (f"{OVERLAP}[more replicas]",),
    ),
    Mutant(
        "scaled down on old news",
        "desired/workload.py",
        "if replicas < workload.replicas:",
        "if False:",
        (f"{OVERLAP}[0 replicas]",),
    ),
    Mutant(
        "a status without the uid of its object",
        "reconciler.py",
        '{"op": "test", "path": "/metadata/uid", "value": uid},',
        "",
        (PRECAUTIONS,),
    ),
    Mutant(
        "a decision on the spec of before",
        "reconciler.py",
        "await self._look_again(key)\n            raise",
        "raise",
        (f"{OVERLAP}[create]",),
    ),
    Mutant(
        "a Service whose record is not known yet, taken for broken",
        "reconciler.py",
        "if await self._find_traffic(observed):",
        "if False:",
        (f"{OVERLAP}[create]",),
    ),
    Mutant(
        "pods taken away with no mark on the Service",
        "upkeep.py",
        "return [(mark,), taken]",
        "return [taken]",
        (ROLLOUTS,),
    ),
    Mutant(
        "pods taken away before the Service is marked",
        "upkeep.py",
        "return [(mark,), taken]",
        "return [taken, (mark,)]",
        (KILLED, f"{OVERLAP}[a standby whose time is over]"),
    ),
    Mutant(
        "a released revision that is not claimed",
        "switch.py",
        "stages: list[Stage] = list(claim) if released(traffic, target) else []",
        "stages: list[Stage] = []",
        (STATES,),
    ),
    Mutant(
        "a first switch that claims nothing",
        "switch.py",
        "claim: tuple[Stage, ...] = ((workload.reclaim(existing, now),),) if existing else ()",
        "claim: tuple[Stage, ...] = ()",
        (HISTORIES,),
    ),
    Mutant(
        "a replaced standby that keeps its pods for a while",
        "switch.py",
        "if given_up and given_up.replicas:",
        "if given_up and not given_up.replicas:",
        (ROLLOUTS,),
    ),
    Mutant(
        "a mark of release that outlives the way back",
        "roles.py",
        "released=(kept | dropped) - {target.name},",
        "released=kept | dropped,",
        (REJECTS,),
    ),
    Mutant(
        "a standby of the same identity",
        "roles.py",
        "if not (same_model and has_other):",
        "if True:",
        (HISTORIES,),
    ),
    Mutant(
        "a threshold that is off by one",
        "roles.py",
        "return replicas - replicas // 4",
        "return replicas - replicas // 4 - 1",
        (PRECAUTIONS, STATES, "tests/unit/test_policies.py"),
    ),
    Mutant(
        "the budget forgotten as a witness of who served",
        "roles.py",
        "    if observed.budget:\n        selector",
        "    if False:\n        selector",
        (PRECAUTIONS,),
    ),
    Mutant(
        "cleared when one pod is ready",
        "clearing.py",
        "return candidate.ready >= wanted and candidate.workload is not None"
        " and candidate.workload.ready >= wanted",
        "return candidate.ready >= 1 and candidate.workload is not None",
        (PRECAUTIONS,),
    ),
    Mutant(
        "cleared by pods of an object that is gone",
        "clearing.py",
        " and candidate.workload is not None and candidate.workload.ready >= wanted",
        " and candidate.workload is not None",
        (PRECAUTIONS,),
    ),
    Mutant(
        "switched before it is cleared",
        "rollout.py",
        "return Step(((clear,), *switch.stages), switch.finding, target, turning=True)",
        "return Step((*switch.stages, (clear,)), switch.finding, target, turning=True)",
        (KILLED,),
    ),
    Mutant(
        "pods before their ConfigMap is ours",
        "rollout.py",
        "return tuple(stages)",
        "return (tuple(action for stage in stages for action in stage),)",
        (DELETED,),
    ),
    Mutant(
        "a candidate rejected though a pod of it is ready",
        "policies.py",
        "if found is None or candidate.ready:",
        "if found is None:",
        (POLICIES,),
    ),
    Mutant(
        "the pinned digest left out of the comparison",
        "policies.py",
        "digests.add(candidate.record.content_digest)",
        "pass",
        (ROLLOUTS,),
    ),
    Mutant(
        "the digest of another shape not expected",
        "declared.py",
        'return next((r.content_digest for r in same if r.content_digest), "")',
        'return ""',
        (ROLLOUTS,),
    ),
    Mutant(
        "the registry asked about what is cleared",
        "declared.py",
        "    if any(r.cleared for r in kept(observed)):\n        return None\n",
        "",
        (HISTORIES,),
    ),
    Mutant(
        "pods with other bytes left to serve",
        "upkeep.py",
        'if wanted and pod.content_digest not in ("", wanted) and not pod.deleting:',
        "if False:",
        (ROLLOUTS,),
    ),
    Mutant(
        "what is declared is pruned",
        "upkeep.py",
        "needed = {r.name for r in (current.serving, current.standby, step.candidate, declared.record) if r}",
        "needed = {r.name for r in (current.serving, current.standby, step.candidate) if r}",
        (KEPT,),
    ),
    Mutant(
        "the record pruned before its Deployment",
        "upkeep.py",
        "    if existing is not None:\n        if not existing.deleting:",
        "    if existing is not None and existing.deleting:\n        if not existing.deleting:",
        (KEPT,),
    ),
    Mutant(
        "pods taken away the moment that traffic has left them",
        "upkeep.py",
        "SETTLE = timedelta(seconds=10)",
        "SETTLE = timedelta(seconds=0)",
        (PRECAUTIONS,),
    ),
    Mutant(
        "a standby released while changes are suspended",
        "upkeep.py",
        "not step.needs_room and (spec.suspend or not _over(current, now))",
        "not step.needs_room and not _over(current, now)",
        ("tests/reconcile/test_histories_suspended.py",),
    ),
    Mutant(
        "pods that serve still told that they stand by",
        "desired/network.py",
        '    roles[serving.name] = ""\n',
        "",
        (STATES,),
    ),
    Mutant(
        "an error of a write swallowed",
        "apply.py",
        "            if failures:\n                raise failures[0]\n",
        "",
        (DELETED,),
    ),
    Mutant(
        "a repair that fails silences the status",
        "reconciler.py",
        "failure = failure or error",
        "raise",
        (REVIEW,),
    ),
    Mutant(
        "the status before the writes",
        "reconciler.py",
        "        for action in plan.actions:\n",
        "        if plan.status is not None:\n"
        "            key = Key(deployment.namespace, deployment.name)\n"
        "            await self._write_status(key, deployment.uid, plan.status)\n"
        "        for action in plan.actions:\n",
        (DELETED,),
    ),
    Mutant(
        "own answers left out of the cache",
        "apply.py",
        "        self._cache.upsert(action.resource, answer)\n\n    async def _taken",
        "\n    async def _taken",
        (PRECAUTIONS,),
    ),
    Mutant(
        "Ready while endpoints of another revision remain",
        "summary.py",
        "if others_behind_service(observed, serving):",
        "if False:",
        (PRECAUTIONS,),
    ),
    Mutant(
        "a warm revision waited for without end",
        "rollout.py",
        "if enough(observed, current, target, replicas) or now >= patience:",
        "if enough(observed, current, target, replicas):",
        (REVIEW,),
    ),
    Mutant(
        "a write by who does not hold the Lease",
        "leadership.py",
        "if not self.leading:",
        "if False:",
        ("tests/unit/test_leadership.py",),
    ),
    Mutant(
        "cleared with a template that somebody changed",
        "rollout.py",
        "if (drift := clearing.changed_template(observed, target, existing)) is not None:",
        "if (drift := None) is not None:",
        ("tests/reconcile/test_drift.py",),
    ),
    Mutant(
        "a share for what does not answer",
        "routing.py",
        "return any(p.name in entrance.ready_pods for p in pods_of(observed, record))",
        "return True",
        (CANARY,),
    ),
    Mutant(
        "a share that nothing fences",
        "routing.py",
        "return ((workload.reclaim(existing, now),), divided)",
        "return (divided,)",
        (CANARY,),
    ),
    Mutant(
        "rejected before its share is taken back",
        "rollout.py",
        "if back := routing.give_back(observed, target.name, now):",
        "if back := None:",
        (CANARY,),
    ),
    Mutant(
        "a rollback that waits for the route",
        "routing.py",
        "if not name or _switches(observed, step) or _keeps(",
        "if not name or _keeps(",
        (CANARY,),
    ),
    Mutant(
        "pods taken away that the route sends to",
        "upkeep.py",
        " | routing.sent_to(observed)\n",
        "\n",
        (CANARY,),
    ),
    Mutant(
        "pods taken away before a gateway has followed",
        "upkeep.py",
        "settled = max(_switched(observed) or now, routing.settled(observed) or now)",
        "settled = _switched(observed) or now",
        (CANARY,),
    ),
    Mutant(
        "a share taken back before the Service leads to what was promoted",
        "routing.py",
        "return others_behind_service(observed, current.serving) > 0",
        "return False",
        (CANARY,),
    ),
    Mutant(
        "a warm shape as a way around the steps",
        "rollout.py",
        "at_once = not routing.by_steps(observed, current, choice)",
        "at_once = True",
        (CANARY,),
    ),
    Mutant(
        "a standby that comes by steps",
        "routing.py",
        "return _canaries(observed) and serves and not stands_by and not by_command",
        "return _canaries(observed) and serves and not by_command",
        (CANARY,),
    ),
    Mutant(
        "a pause that is counted before the gateway has accepted",
        "canary.py",
        "if state.since is None and not state.accepted:",
        "if False:",
        (CANARY,),
    ),
    Mutant(
        "what outlives a run of the watches left to watch on",
        "watches.py",
        "left = asyncio.all_tasks() - ours - self._left",
        "left: set[asyncio.Task[Any]] = set()",
        ("tests/unit/test_watches.py",),
    ),
    Mutant(
        "a run of the watches blamed for what was missing before it",
        "watches.py",
        "now - max(self._begun, since) > _GONE_SECONDS",
        "now - since > _GONE_SECONDS",
        ("tests/unit/test_watches.py",),
    ),
    Mutant(
        "an alias that moves often taken for a fight",
        "memory.py",
        "if self.named not in (None, identity.key):\n            self._start_over(now)",
        "if self.named not in (None, identity.key):\n            self.edited = now",
        ("tests/reconcile/test_aliases.py",),
    ),
    Mutant(
        "children made again for an object that is gone",
        "reconciler.py",
        "if recovery.makes_again(observed, plan.actions, now) and await self._has_gone(deployment):",
        "if False:",
        ("tests/reconcile/test_late_word_of_the_end.py",),
    ),
    Mutant(
        "a freed name waited for to the end of the half minute",
        "gather.py",
        'return found is None or found["metadata"]["uid"] != fault.holder',
        "return False",
        (STATES,),
    ),
    Mutant(
        "a deleted record made again without its marks",
        "recovery.py",
        "if last_copy := observed.last_copies.get(workload.revision):",
        "if last_copy := None:",
        (REVIEW,),
    ),
    Mutant(
        "a Service adopted without its owner's word",
        "adoption.py",
        "named = views.annotation(service, ANNOTATION_ADOPT_BY)",
        "named = deployment.name",
        (ADOPTION,),
    ),
    Mutant(
        "a Service adopted without a precondition",
        "desired/adoption.py",
        '"metadata": precondition(found)\n        | {',
        '"metadata": {}\n        | {',
        (ADOPTION,),
    ),
    Mutant(
        "a Service adopted as it was seen some time ago",
        "memory.py",
        "found, self.adoptable = self.adoptable, None",
        "found = self.adoptable",
        (ADOPTION,),
    ),
    Mutant(
        "an adopted Service whose other owners are forgotten",
        "desired/adoption.py",
        '"ownerReferences": [*(metadata.get("ownerReferences") or ()), *mine],',
        '"ownerReferences": mine,',
        (ADOPTION,),
    ),
    Mutant(
        "a selector put back, and ports that lead elsewhere",
        "desired/network.py",
        "if adoption.is_adopted(traffic.body) and (moved :=",
        "if False and (moved :=",
        (ADOPTION,),
    ),
    Mutant(
        "an adopted Service led back three times and no more",
        "rollout.py",
        "return lead_back(observed, current.serving) if current.serving else None",
        "return None",
        (ADOPTION,),
    ),
    Mutant(
        "a route to a port that an adopted Service does not have",
        "routing.py",
        "actions.append(routes.create(deployment, now, network.port(observed.traffic)))",
        "actions.append(routes.create(deployment, now))",
        (ADOPTION,),
    ),
    Mutant(
        "an autoscaler that is moved to a candidate",
        "autoscaling.py",
        "(scaling, serving.name, _least(observed, scaling, serving))\n        left",
        "(scaling, max(observed.workloads), 2)\n        left",
        (SCALING,),
    ),
    Mutant(
        "a candidate with as many pods as are declared",
        "sizes.py",
        "if now := _now(observed):",
        "if now := 0:",
        (SCALING,),
    ),
    Mutant(
        "a candidate that follows what serves down",
        "sizes.py",
        "if scaling and existing else wanted",
        "if False else wanted",
        (SCALING,),
    ),
    Mutant(
        "pods dropped when autoscaling is turned off",
        "sizes.py",
        "return was_on and _now(observed) > spec.replicas",
        "return False",
        (SCALING,),
    ),
    Mutant(
        "an autoscaler before it is on record that there is one",
        "autoscaling.py",
        "elif observed.traffic and observed.traffic.autoscaled is not None:",
        "elif observed.traffic:",
        (SCALING,),
    ),
    Mutant(
        "what serves scaled down while a canary has its load",
        "autoscaling.py",
        "if canary is None or name == serving.name:",
        "if True:",
        (SCALING,),
    ),
    Mutant(
        "a standby scaled with what serves",
        "upkeep.py",
        "if _over(current, now) or sizes.is_found(observed):",
        "if _over(current, now):",
        (SCALING,),
    ),
    Mutant(
        "a rollback that keeps the standby's number of pods",
        "rollout.py",
        "follows = scale and switch.turning and sizes.is_found(observed)",
        "follows = False",
        (SCALING,),
    ),
    Mutant(
        "a switch with three quarters of the pods that the load needs",
        "rollout.py",
        "quorum = replicas if sizes.is_found(observed) else threshold(replicas)",
        "quorum = threshold(replicas)",
        (SCALING,),
    ),
    Mutant(
        "Ready that asks for what the autoscaler asked for",
        "sizes.py",
        "return spec.autoscaling.min_replicas if spec.autoscaling else spec.replicas",
        "return size(observed)",
        (SCALING,),
    ),
    Mutant(
        "weights of a route that do not add up",
        "desired/route.py",
        "stable = (service, port, WHOLE - weight if revision else WHOLE)",
        "stable = (service, port, WHOLE)",
        (ANY_STATE,),
    ),
    Mutant(
        "what serves given up like any other",
        "upkeep.py",
        "keep = {r.name for r in (current.serving, step.candidate) if r is not None}",
        "keep = {r.name for r in (step.candidate,) if r is not None}",
        (ANY_STATE,),
    ),
)
