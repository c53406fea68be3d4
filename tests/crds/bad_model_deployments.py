"""ModelDeployments that are refused at admission: what is declared, and how it comes to serve."""

from tests.crds.refusals import Refusal

NAME = "write a name of at most 40 lower case letters, digits and '-'"
MODEL = "write the registered model's name alone, such as iris"
MODEL_AS_SHOWN = "write the registered model's name as MLflow shows it"
VERSION = "write the number of a registered version, such as 3"
ALIAS = "write the alias alone, such as champion"
RESERVED_ALIAS = "MLflow reserves 'latest' and 'v' with a number"
WANTED = "write spec.version, such as 3, or spec.alias, such as champion"
UNKNOWN = "unknown field"


def _rollout(**settings: object) -> dict[str, object]:
    return {"rollout": settings}


def _scaling(**settings: object) -> dict[str, object]:
    return {"autoscaling": settings}


NAMES = [
    Refusal("name with a dot", {}, "metadata.name", NAME, name="iris.v2"),
    Refusal("name that starts with a digit", {}, "metadata.name", NAME, name="2iris"),
    Refusal("name of 41 characters", {}, "metadata.name", NAME, name="i" * 41),
]

WHAT = [
    Refusal("no model", {"model": None}, "spec.model", "Required value"),
    Refusal("empty model", {"model": ""}, "spec.model", "should be at least 1 chars long"),
    Refusal("model as a number", {"model": 7}, "spec.model", "must be of type string"),
    Refusal("model URI", {"model": "models:/iris/3"}, "spec.model", MODEL),
    Refusal("model with its version", {"model": "iris/3"}, "spec.model", MODEL),
    Refusal("model with a colon", {"model": "iris:3"}, "spec.model", MODEL),
    Refusal("model with a blank before it", {"model": " iris"}, "spec.model", MODEL_AS_SHOWN),
    Refusal("model with a line break", {"model": "iris\nname: x"}, "spec.model", MODEL_AS_SHOWN),
    Refusal("model that is a path", {"model": ".."}, "spec.model", MODEL_AS_SHOWN),
    Refusal("model of 257 characters", {"model": "i" * 257}, "spec.model", "may not be more than 256"),
    Refusal(
        "registry of another kind",
        {"registryRef": {"kind": "Registry", "name": "mlflow"}},
        "spec.registryRef.kind",
        "Unsupported value",
    ),
    Refusal("neither version nor alias", {"version": None}, "spec.version", WANTED),
    Refusal("version 0", {"version": 0}, "spec.version", VERSION),
    Refusal("negative version", {"version": -1}, "spec.version", VERSION),
    Refusal("version with a leading 0", {"version": "03"}, "spec.version", VERSION),
    Refusal("version v3", {"version": "v3"}, "spec.version", VERSION),
    Refusal("version latest", {"version": "latest"}, "spec.version", VERSION),
    Refusal("empty version", {"version": ""}, "spec.version", VERSION),
    Refusal("version with a blank", {"version": "3 "}, "spec.version", VERSION),
    Refusal("version of 11 digits", {"version": 10**10}, "spec.version", VERSION),
    Refusal("version as a fraction", {"version": 3.5}, "spec.version", "must be of type integer,string"),
    Refusal("version as true", {"version": True}, "spec.version", "must be of type integer,string"),
    Refusal("version as a list", {"version": [3]}, "spec.version", "must be of type integer,string"),
    Refusal("alias with @", {"alias": "@champion"}, "spec.alias", ALIAS),
    Refusal("alias with a dot", {"alias": "champion.eu"}, "spec.alias", ALIAS),
    Refusal("alias latest", {"alias": "Latest"}, "spec.alias", RESERVED_ALIAS),
    Refusal("alias like a version", {"alias": "v3"}, "spec.alias", RESERVED_ALIAS),
    Refusal("empty alias", {"alias": ""}, "spec.alias", "should be at least 1 chars long"),
    Refusal(
        "registryRef that is an address",
        {"registryRef": {"name": "http://mlflow"}},
        "spec.registryRef.name",
        "write the name of a RegistryConnection of this namespace",
    ),
    Refusal("registryRef as text", {"registryRef": "mlflow"}, "spec.registryRef", "must be of type object"),
    Refusal(
        "registryRef in another namespace",
        {"registryRef": {"name": "mlflow", "namespace": "other"}},
        "spec.registryRef.namespace",
        UNKNOWN,
    ),
    Refusal(
        "runtime that is an image",
        {"runtime": {"name": "docker.io/x/y:1"}},
        "spec.runtime.name",
        "write the name of a ModelRuntime, not an image",
    ),
]

HOW = [
    Refusal("negative replicas", {"replicas": -1}, "spec.replicas", "greater than or equal to 0"),
    Refusal("1001 replicas", {"replicas": 1001}, "spec.replicas", "less than or equal to 1000"),
    Refusal("replicas as text", {"replicas": "2"}, "spec.replicas", "must be of type integer"),
    Refusal(
        "disruptionBudget as a boolean",
        {"disruptionBudget": False},
        "spec.disruptionBudget",
        'supported values: "Default", "None"',
    ),
    Refusal("suspend as text", {"suspend": "yes"}, "spec.suspend", "must be of type boolean"),
    Refusal("rolloutToken as a number", {"rolloutToken": 2}, "spec.rolloutToken", "must be of type string"),
    Refusal(
        "empty rolloutToken", {"rolloutToken": ""}, "spec.rolloutToken", "should be at least 1 chars long"
    ),
    Refusal(
        "negative revisionHistoryLimit",
        {"revisionHistoryLimit": -1},
        "spec.revisionHistoryLimit",
        "greater than or equal to 0",
    ),
    Refusal(
        "unknown proof mode",
        _rollout(proof={"mode": "None"}),
        "spec.rollout.proof.mode",
        'supported values: "Auto", "Required", "Skip"',
    ),
    Refusal(
        "no time for the proof",
        _rollout(proof={"timeoutSeconds": 0}),
        "spec.rollout.proof.timeoutSeconds",
        "greater than or equal to 1",
    ),
    Refusal(
        "cases without a ConfigMap",
        _rollout(proof={"cases": {"key": "cases.json"}}),
        "spec.rollout.proof.cases.configMapRef",
        "Required value",
    ),
    Refusal(
        "cases in another namespace",
        _rollout(proof={"cases": {"configMapRef": {"name": "other/cases"}}}),
        "spec.rollout.proof.cases.configMapRef.name",
        "write the name of a ConfigMap of this namespace",
    ),
    Refusal(
        "cases under a path",
        _rollout(proof={"cases": {"configMapRef": {"name": "cases"}, "key": "a/b"}}),
        "spec.rollout.proof.cases.key",
        "write a key of the ConfigMap",
    ),
    Refusal(
        "cases as a name alone",
        _rollout(proof={"cases": "iris-cases"}),
        "spec.rollout.proof.cases",
        "must be of type object",
    ),
    Refusal(
        "cases that are never asked",
        _rollout(proof={"mode": "Skip", "cases": {"configMapRef": {"name": "cases"}}}),
        "spec.rollout.proof.mode",
        "write mode Auto or Required, or leave cases out; Skip proves nothing",
    ),
    Refusal(
        "surge as a number of pods",
        _rollout(surge=1),
        "spec.rollout.surge",
        "must be of type string",
    ),
    Refusal(
        "surge of half",
        _rollout(surge="Half"),
        "spec.rollout.surge",
        'supported values: "Full", "None"',
    ),
    Refusal(
        "analysis of one request",
        _rollout(analysis={"minRequests": 1}),
        "spec.rollout.analysis.minRequests",
        "greater than or equal to 10",
    ),
    Refusal(
        "analysis that allows a share of errors as a fraction",
        _rollout(analysis={"maxErrorIncreasePercent": 0.5}),
        "spec.rollout.analysis.maxErrorIncreasePercent",
        "must be of type integer",
    ),
    Refusal(
        "analysis that allows more than all requests to fail",
        _rollout(analysis={"maxErrorIncreasePercent": 101}),
        "spec.rollout.analysis.maxErrorIncreasePercent",
        "less than or equal to 100",
    ),
    Refusal(
        "analysis that asks for less latency",
        _rollout(analysis={"maxLatencyIncreasePercent": -10}),
        "spec.rollout.analysis.maxLatencyIncreasePercent",
        "greater than or equal to 0",
    ),
    Refusal(
        "analysis by a query of Prometheus",
        _rollout(analysis={"query": "up"}),
        "spec.rollout.analysis.query",
        UNKNOWN,
    ),
    Refusal(
        "analysis as a switch", _rollout(analysis=True), "spec.rollout.analysis", "must be of type object"
    ),
    Refusal(
        "bake of no time", _rollout(bakeSeconds=0), "spec.rollout.bakeSeconds", "greater than or equal to 1"
    ),
    Refusal(
        "bake with nothing to go back to",
        _rollout(bakeSeconds=600, surge="None"),
        "spec.rollout.surge",
        "write surge Full beside bakeSeconds",
    ),
    Refusal(
        "bake that lasts longer than the standby",
        _rollout(bakeSeconds=600, standbySeconds=300),
        "spec.rollout.bakeSeconds",
        "write no more bakeSeconds than standbySeconds",
    ),
    Refusal(
        "negative standby",
        _rollout(standbySeconds=-1),
        "spec.rollout.standbySeconds",
        "greater than or equal to 0",
    ),
    Refusal(
        "standby as a duration",
        _rollout(standbySeconds="1h"),
        "spec.rollout.standbySeconds",
        "must be of type integer",
    ),
    Refusal(
        "deadline of a second",
        _rollout(progressDeadlineSeconds=1),
        "spec.rollout.progressDeadlineSeconds",
        "greater than or equal to 10",
    ),
    Refusal(
        "negative wait for capacity",
        _rollout(capacityWaitSeconds=-5),
        "spec.rollout.capacityWaitSeconds",
        "greater than or equal to 0",
    ),
    Refusal("misspelt field", {"replica": 2}, "spec.replica", UNKNOWN),
    Refusal("a raw pod spec", {"template": {"spec": {"hostNetwork": True}}}, "spec.template", UNKNOWN),
]

STEPS = [{"weight": 10, "pauseSeconds": 60}]
GATEWAY = {"parentRefs": [{"name": "public"}]}
RISING = "write weights that rise from step to step"


def _canary(*steps: object, **gateway: object) -> dict[str, object]:
    """A canary that is well written but for what is given."""
    settings = {"strategy": "Canary", "steps": list(steps) or STEPS}
    return {"rollout": settings, "gateway": GATEWAY | gateway}


CANARY = [
    Refusal(
        "unknown strategy",
        _rollout(strategy="BlueGreen"),
        "spec.rollout.strategy",
        'supported values: "Switch", "Canary"',
    ),
    Refusal(
        "canary without a gateway",
        _rollout(strategy="Canary", steps=STEPS),
        "spec.gateway",
        "write spec.gateway.parentRefs, the Gateways whose traffic a canary divides",
    ),
    Refusal(
        "canary without steps",
        {"rollout": {"strategy": "Canary"}, "gateway": GATEWAY},
        "spec.rollout.steps",
        "write the steps of the canary",
    ),
    Refusal(
        "canary where there is room for one",
        {"rollout": {"strategy": "Canary", "steps": STEPS, "surge": "None"}, "gateway": GATEWAY},
        "spec.rollout.surge",
        "write surge Full beside strategy Canary",
    ),
    Refusal("no step", _rollout(steps=[]), "spec.rollout.steps", "should have at least 1 items"),
    Refusal(
        "17 steps",
        _canary(*({"weight": n} for n in range(1, 18))),
        "spec.rollout.steps",
        "must have at most 16 items",
    ),
    Refusal("weights that fall", _canary({"weight": 50}, {"weight": 10}), "spec.rollout.steps", RISING),
    Refusal("weights that stay", _canary({"weight": 50}, {"weight": 50}), "spec.rollout.steps", RISING),
    Refusal(
        "weight of 0",
        _canary({"weight": 0}),
        "spec.rollout.steps[0].weight",
        "greater than or equal to 1",
    ),
    Refusal(
        "weight of 101",
        _canary({"weight": 101}),
        "spec.rollout.steps[0].weight",
        "less than or equal to 100",
    ),
    Refusal("step without a weight", _canary({"pause": True}), "spec.rollout.steps[0].weight", "Required"),
    Refusal(
        "pause for ever and for a minute",
        _canary({"weight": 10, "pause": True, "pauseSeconds": 60}),
        "spec.rollout.steps[0].pauseSeconds",
        "leave pauseSeconds out beside pause: true",
    ),
    Refusal(
        "pause as a duration",
        _canary({"weight": 10, "pauseSeconds": "5m"}),
        "spec.rollout.steps[0].pauseSeconds",
        "must be of type integer",
    ),
    Refusal("gateway without parentRefs", {"gateway": {}}, "spec.gateway.parentRefs", "Required value"),
    Refusal(
        "gateway with no parentRef",
        _canary(parentRefs=[]),
        "spec.gateway.parentRefs",
        "should have at least 1 items",
    ),
    Refusal(
        "parentRef that is an address",
        _canary(parentRefs=[{"name": "http://public"}]),
        "spec.gateway.parentRefs[0].name",
        "write the name of a Gateway",
    ),
    Refusal(
        "namespace of a Gateway with a dot",
        _canary(parentRefs=[{"name": "public", "namespace": "a.b"}]),
        "spec.gateway.parentRefs[0].namespace",
        "write the name of a namespace",
    ),
    Refusal(
        "listener with a blank",
        _canary(parentRefs=[{"name": "public", "sectionName": "web 1"}]),
        "spec.gateway.parentRefs[0].sectionName",
        "write the name of a listener",
    ),
    Refusal(
        "hostname with a port",
        _canary(hostnames=["iris.example.com:80"]),
        "spec.gateway.hostnames[0]",
        "write a host name alone",
    ),
    Refusal(
        "backendRefs of one's own",
        _canary(backendRefs=[{"name": "other"}]),
        "spec.gateway.backendRefs",
        UNKNOWN,
    ),
]

SCALING = [
    Refusal("autoscaling without a maximum", _scaling(), "spec.autoscaling.maxReplicas", "Required value"),
    Refusal(
        "fewest pods above the most",
        _scaling(minReplicas=5, maxReplicas=4),
        "spec.autoscaling.maxReplicas",
        "write a maxReplicas that is no less than minReplicas",
    ),
    Refusal(
        "autoscaling to 0",
        _scaling(minReplicas=0, maxReplicas=4),
        "spec.autoscaling.minReplicas",
        "should be greater than or equal to 1",
    ),
    Refusal(
        "autoscaling to 1001",
        _scaling(maxReplicas=1001),
        "spec.autoscaling.maxReplicas",
        "should be less than or equal to 1000",
    ),
    Refusal(
        "target of 0 %",
        _scaling(maxReplicas=4, targetCPUUtilizationPercentage=0),
        "spec.autoscaling.targetCPUUtilizationPercentage",
        "should be greater than or equal to 1",
    ),
    Refusal(
        "target with a sign",
        _scaling(maxReplicas=4, targetCPUUtilizationPercentage="80%"),
        "spec.autoscaling.targetCPUUtilizationPercentage",
        "must be of type integer",
    ),
    Refusal(
        "metrics of one's own",
        _scaling(maxReplicas=4, metrics=[]),
        "spec.autoscaling.metrics",
        UNKNOWN,
    ),
    Refusal(
        "autoscaling without a CPU request",
        {"resources": {"requests": {"memory": "1Gi"}}, **_scaling(maxReplicas=4)},
        "spec.resources",
        "write spec.resources.requests.cpu, which spec.autoscaling measures",
    ),
]

ROWS = NAMES + WHAT + HOW + CANARY + SCALING
