"""The HTTPRoute in a rollout: who may have a share of it, the steps of a canary, and its upkeep.

Weights concern the route alone. What serves stands in it as the Service of the ModelDeployment, so the flip
of that Service promotes at both entrances at once, and the route follows at leisure.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from pintle import canary, comparing
from pintle.canary import Waits
from pintle.conditions import Reason
from pintle.declared import Declared, promoted_by_user, rejected_by_user
from pintle.desired import network, workload
from pintle.desired import route as routes
from pintle.domain import Action, Create, Failure, Observed, Patch, Record, Stage
from pintle.domain.resources import HTTP_ROUTES, SERVICES
from pintle.policies import Finding
from pintle.roles import Roles, others_behind_service, pods_of, released
from pintle.switch import Step, flip, regain

# A gateway follows an accepted route within milliseconds; its last requests to a revision end within this.
SETTLE = timedelta(seconds=10)
# For so long the pods of a revision are kept for a gateway that does not say that it has followed.
PATIENCE = timedelta(seconds=60)


def by_steps(observed: Observed, current: Roles, target: Record) -> bool:
    """Whether a revision comes to the traffic by the steps of a canary.

    Not the first one, which replaces nothing; not the standby, as a rollback waits for nothing (P2); and not
    one that was promoted by command.
    """
    serves = current.serving is not None
    stands_by = current.standby is not None and current.standby.name == target.name
    by_command = promoted_by_user(observed, target.name)
    return _canaries(observed) and serves and not stands_by and not by_command


def _canaries(observed: Observed) -> bool:
    spec = observed.deployment.spec
    return spec.rollout.strategy == "Canary" and bool(spec.rollout.steps) and spec.gateway is not None


def share(observed: Observed) -> tuple[str, int]:
    """The revision that the route gives a share, and how much in percent; "" and 0 without one."""
    route = observed.route
    return (route.revision, route.weight) if route else ("", 0)


def answers(observed: Observed, record: Record) -> bool:
    """Whether a revision may have requests of the route: cleared, with ready endpoints of its own."""
    entrance = observed.entrances.get(record.name)
    if entrance is None or entrance.deleting or not record.cleared or record.rejected:
        return False
    return any(p.name in entrance.ready_pods for p in pods_of(observed, record))


def withdrawal(
    observed: Observed, declared: Declared, current: Roles, step: Step, now: datetime
) -> Patch | None:
    """Take back a share that its revision may not have any more, before anything else is done to it.

    But for a switch of the traffic, which waits for nothing.
    """
    name, _ = share(observed)
    if not name or _switches(observed, step) or _keeps(observed, declared, current, name):
        return None
    return give_back(observed, name, now)


def give_back(
    observed: Observed, revision: str, now: datetime, failed: Failure | None = None
) -> Patch | None:
    """Take back the share of one revision, for having failed with it if so; None where it has none."""
    route = observed.route
    if route is None or route.deleting or not revision or route.revision != revision:
        return None
    return routes.unite(observed.deployment, route, now, failed, network.port(observed.traffic))


def _switches(observed: Observed, step: Step) -> bool:
    name = observed.deployment.name
    actions = (a for stage in step.stages for a in stage)
    return step.turning and any((a.resource, a.name) == (SERVICES, name) for a in actions)


def _keeps(observed: Observed, declared: Declared, current: Roles, name: str) -> bool:
    record = next((r for r in observed.records if r.name == name and not r.deleting), None)
    if record is None or not answers(observed, record):
        return False
    if current.serving and current.serving.name == name:
        # Promoted. Its share goes when the Service leads to it alone, lest the other one gets more again.
        return others_behind_service(observed, current.serving) > 0
    if not _canaries(observed):
        return False
    if declared.problem:
        # What is declared is not known yet: nothing can be told to be of no use.
        unknown = declared.problem.reason is Reason.RESOLVING
        return unknown and rejected_by_user(observed, record.name, record.version) is None
    return declared.record is not None and declared.record.name == name


def advance(observed: Observed, current: Roles, target: Record, now: datetime) -> Step:
    """Take the next step of the canary of a revision that is cleared and has its pods."""
    deployment, route = observed.deployment, observed.route
    who = f"{target.identity.model} version {target.version}"
    if target.name not in observed.entrances:
        found = Finding(Reason.CANARY, f"{who}: its own Service is made for the canary")
        return Step(((routes.create_entrance(deployment, target),),), found, target)
    if route is None or route.deleting:
        found = Finding(Reason.CANARY, f"{who}: waits for HTTPRoute {deployment.name} to be there")
        return Step(finding=found, candidate=target)
    name, weight = share(observed)
    state = canary.State(
        steps=deployment.spec.rollout.steps,
        weight=weight if name == target.name else 0,
        since=route.since if name == target.name else None,
        accepted=route.accepted,
        answers=answers(observed, target),
        passed=comparing.passed(observed, target),
    )
    decision = canary.step(state, now)
    if decision.promotes:
        return flip(observed, current, target, now)
    moving = Finding(Reason.CANARY, f"{who} is to have {decision.weight} % of the requests of the HTTPRoute")
    if decision.begins:
        return Step(((routes.hold(route, now),),), moving, target, turning=True)
    if decision.weight != state.weight:
        return Step(_divide(observed, target, state, decision.weight, now), moving, target, turning=True)
    return Step(finding=_finding(observed, target, decision), candidate=target, wake_at=decision.until)


def _divide(
    observed: Observed, target: Record, state: canary.State, weight: int, now: datetime
) -> tuple[Stage, ...]:
    """Give a share. With the first one the revision is claimed, so that a late write cannot take its pods."""
    assert observed.route is not None, "only a route that is there is divided"  # noqa: S101
    port = network.port(observed.traffic)
    if weight == 0:
        return ((routes.unite(observed.deployment, observed.route, now, port=port),),)
    divided: Stage = (routes.divide(observed.deployment, observed.route, target.name, weight, port),)
    existing, traffic = observed.workloads.get(target.name), observed.traffic
    if existing and traffic and released(traffic, target):
        return (*regain(observed, traffic, existing, now), divided)
    if existing and not state.weight:
        return ((workload.reclaim(existing, now),), divided)
    return (divided,)


def _finding(observed: Observed, target: Record, decision: canary.Decision) -> Finding:
    """What a canary waits for, in words."""
    name, steps = observed.deployment.name, len(observed.deployment.spec.rollout.steps)
    who = f"{target.identity.model} version {target.version}"
    has = (
        f"{who} has {decision.weight} % of the requests of HTTPRoute {name} (step {decision.step} of {steps})"
    )
    judged = comparing.waits_for(observed, target)
    match decision.waits:
        case Waits.PROMOTION:
            text = f"{has} and waits to be promoted: kubectl pintle promote {name}{judged}"
            return Finding(Reason.AWAITING_PROMOTION, text)
        case Waits.GATEWAY:
            return _unaccepted(observed, f"{who} is to have {decision.weight} %", Reason.CANARY)
        case Waits.ENDPOINTS:
            return Finding(Reason.CANARY, f"{who}: waits for ready endpoints of its own Service")
        case _:
            until = f" until {decision.until:%H:%M:%S} UTC" if decision.until else ""
            return Finding(Reason.CANARY, f"{has}{until}{judged}", recheck=decision.until)


def _unaccepted(observed: Observed, what: str, waiting: Reason) -> Finding:
    """What a route that is not accepted is told by: the gateway's own words, where it gave any."""
    route, name = observed.route, observed.deployment.name
    if route and route.refused:
        text = f"{what}: HTTPRoute {name} is not accepted: {route.refused}"
        return Finding(Reason.GATEWAY_UNAVAILABLE, text)
    return Finding(waiting, f"{what}: waits for the Gateway to accept HTTPRoute {name}")


def shortfall(observed: Observed, serving: Record) -> Finding | None:
    """Why the declared revision, though the Service leads to it, does not have the route's traffic."""
    if observed.deployment.spec.gateway is None:
        return None
    name, route = observed.deployment.name, observed.route
    who = f"{serving.identity.model} version {serving.version}"
    if route is None:
        return Finding(Reason.STARTING, f"{who} serves; HTTPRoute {name} is not there yet")
    strangers = [n for n, weight in route.sends.items() if weight and n not in (name, serving.name)]
    if strangers:
        text = f"{who} takes over: HTTPRoute {name} still sends requests to {', '.join(strangers)}"
        return Finding(Reason.STARTING, text)
    if not route.accepted:
        return _unaccepted(observed, f"{who} serves", Reason.GATEWAY_UNAVAILABLE)
    return None


def sent_to(observed: Observed) -> frozenset[str]:
    """The Services that the route sends requests to, as it stands there."""
    sends = observed.route.sends if observed.route else {}
    return frozenset(n for n, weight in sends.items() if weight)


def settled(observed: Observed) -> datetime | None:
    """When gateways have surely followed the last write of the route; None where nothing is waited for."""
    route = observed.route
    if route is None or route.revision or route.since is None:
        return None
    return route.since + (SETTLE if route.accepted else PATIENCE)


def creates(actions: Iterable[Action]) -> bool:
    """Whether the route is made: what there is to say of it is known when that is answered."""
    return any(isinstance(a, Create) and a.resource == HTTP_ROUTES for a in actions)


def upkeep(observed: Observed, step: Step, now: datetime) -> tuple[tuple[Action, ...], datetime | None]:
    """Make, repair and take away the route and the Services that it sends to; and when to look again."""
    actions: list[Action] = []
    deployment, route = observed.deployment, observed.route
    if deployment.spec.gateway is None:
        if route and not route.deleting:
            actions.append(routes.delete(deployment, route))
    elif route is None:
        if observed.traffic and not observed.traffic.deleting:
            actions.append(routes.create(deployment, now, network.port(observed.traffic)))
    elif not route.deleting:
        left_alone = observed.left_alone(HTTP_ROUTES.kind, deployment.name)
        if repair := routes.repair(deployment, route, left_alone, network.port(observed.traffic)):
            actions.append(repair)
    over = settled(observed)
    actions += _entrances(observed, step, now, over)
    wanted = {a.name for a in actions}
    waiting = over if over and now < over and observed.entrances.keys() - wanted else None
    return tuple(actions), waiting


def _entrances(observed: Observed, step: Step, now: datetime, over: datetime | None) -> Iterator[Action]:
    """Of the Services of revisions: put back what was changed, and delete those that nothing is sent to."""
    needed = sent_to(observed) | ({step.candidate.name} if step.candidate else frozenset())
    records = {r.name: r for r in observed.records}
    for name, entrance in observed.entrances.items():
        if entrance.deleting:
            continue
        if name in needed:
            kept = records.get(name)
            if kept and (repair := routes.repair_entrance(observed.deployment, kept, entrance)):
                yield repair
        elif over is None or now >= over:
            yield routes.delete_entrance(entrance)
