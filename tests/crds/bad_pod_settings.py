"""ModelDeployments that are refused at admission for what they ask of their pods and their Service."""

from tests.crds.refusals import Refusal

QUANTITY = "write a quantity that is not negative, such as 2, 500m or 1Gi"
RESOURCE = "write resources that Kubernetes knows"
OWN = "take away or rename what Pintle sets itself: keys that begin with pintle.dev/"
RUNTIME_ENV = "names that begin with PINTLE_, and HOME, PATH, PYTHONHOME, PYTHONPATH, TMPDIR and VIRTUAL_ENV"
LABEL_VALUE = "write a label's value: letters, digits, '-', '_' and '.'"
FROM = {"secretKeyRef": {"name": "s", "key": "k"}}
UNKNOWN = "unknown field"


def _env(name: str = "A", **source: object) -> dict[str, object]:
    return {"env": [{"name": name, **source}]}


def _from(kind: str, name: str = "s", key: str = "k") -> dict[str, object]:
    return _env(valueFrom={kind: {"name": name, "key": key}})


def _tolerate(**toleration: object) -> dict[str, object]:
    return {"tolerations": [toleration]}


def _labels(field: str, key: str, value: str = "x", of: str = "labels") -> dict[str, object]:
    return {field: {of: {key: value}}}


RESOURCES = [
    Refusal(
        "negative cpu", {"resources": {"requests": {"cpu": "-1"}}}, "spec.resources.requests[cpu]", QUANTITY
    ),
    Refusal("cpu of -1", {"resources": {"limits": {"cpu": -1}}}, "spec.resources.limits[cpu]", QUANTITY),
    Refusal(
        "memory in GB",
        {"resources": {"requests": {"memory": "2GB"}}},
        "spec.resources.requests[memory]",
        QUANTITY,
    ),
    Refusal(
        "cpu as a fraction",
        {"resources": {"requests": {"cpu": 0.5}}},
        "spec.resources.requests.cpu",
        "must be of type integer,string",
    ),
    Refusal(
        "unknown resource", {"resources": {"requests": {"ram": "1Gi"}}}, "spec.resources.requests", RESOURCE
    ),
    Refusal("gpu without a vendor", {"resources": {"limits": {"gpu": 1}}}, "spec.resources.limits", RESOURCE),
    Refusal(
        "requests over limits",
        {"resources": {"requests": {"cpu": 2}, "limits": {"cpu": "1500m"}}},
        "spec.resources.requests",
        "write requests that are no more than the limits of the same resource",
    ),
    Refusal(
        "memory requests over limits",
        {"resources": {"requests": {"cpu": 1, "memory": "2Gi"}, "limits": {"cpu": 1, "memory": "2000Mi"}}},
        "spec.resources.requests",
        "write requests that are no more than the limits of the same resource",
    ),
    Refusal(
        "hugepages requests under limits",
        {"resources": {"requests": {"hugepages-2Mi": "2Mi"}, "limits": {"hugepages-2Mi": "4Mi"}}},
        "spec.resources.requests",
        "write the same in requests and limits of a resource that cannot be shared",
    ),
    Refusal(
        "eleven resources",
        {"resources": {"limits": {f"example.com/r{number}": 1 for number in range(11)}}},
        "spec.resources.limits",
        "must have at most 10 items",
    ),
    Refusal("misspelt limits", {"resources": {"limit": {"cpu": 1}}}, "spec.resources.limit", UNKNOWN),
]

ENV = [
    Refusal("variable of Pintle's", _env("PINTLE_ROLE", value="serving"), "spec.env[0].name", RUNTIME_ENV),
    Refusal("PYTHONPATH", _env("PYTHONPATH", value="/opt"), "spec.env[0].name", RUNTIME_ENV),
    Refusal("PATH", _env("PATH", value="/"), "spec.env[0].name", RUNTIME_ENV),
    Refusal("variable with a dash", _env("MY-VAR"), "spec.env[0].name", "write a variable's name"),
    Refusal("variable with a digit first", _env("1A"), "spec.env[0].name", "write a variable's name"),
    Refusal("variable without a name", {"env": [{"value": "1"}]}, "spec.env[0].name", "Required value"),
    Refusal("value as a number", _env(value=2), "spec.env[0].value", "must be of type string"),
    Refusal("variable twice", {"env": [{"name": "A"}, {"name": "A"}]}, "spec.env[1]", "Duplicate value"),
    Refusal(
        "value and valueFrom",
        _env(value="1", valueFrom=FROM),
        "spec.env[0].valueFrom",
        "write value or valueFrom, not both",
    ),
    Refusal(
        "empty valueFrom",
        _env(valueFrom={}),
        "spec.env[0].valueFrom",
        "write one of secretKeyRef and configMapKeyRef",
    ),
    Refusal(
        "two sources",
        _env(valueFrom=FROM | {"configMapKeyRef": {"name": "c", "key": "k"}}),
        "spec.env[0].valueFrom",
        "write one of secretKeyRef and configMapKeyRef",
    ),
    Refusal(
        "key that is a path",
        _from("secretKeyRef", key="../token"),
        "spec.env[0].valueFrom.secretKeyRef.key",
        "write a key of the Secret",
    ),
    Refusal(
        "Secret of another namespace",
        _from("secretKeyRef", name="other/token"),
        "spec.env[0].valueFrom.secretKeyRef.name",
        "write the name of a Secret of this namespace",
    ),
    Refusal(
        "ConfigMap in capitals",
        _from("configMapKeyRef", name="Features"),
        "spec.env[0].valueFrom.configMapKeyRef.name",
        "write the name of a ConfigMap of this namespace",
    ),
    Refusal(
        "a field of the pod",
        _env(valueFrom={"fieldRef": {"fieldPath": "spec.nodeName"}}),
        "spec.env[0].valueFrom.fieldRef",
        UNKNOWN,
    ),
]

METADATA = [
    Refusal(
        "pod label of Pintle's", _labels("podMetadata", "pintle.dev/revision"), "spec.podMetadata.labels", OWN
    ),
    Refusal(
        "pod's name label", _labels("podMetadata", "app.kubernetes.io/name"), "spec.podMetadata.labels", OWN
    ),
    Refusal("pod-template-hash", _labels("podMetadata", "pod-template-hash"), "spec.podMetadata.labels", OWN),
    Refusal(
        "pod's role annotation",
        _labels("podMetadata", "pintle.dev/role", of="annotations"),
        "spec.podMetadata.annotations",
        OWN,
    ),
    Refusal(
        "annotation that keeps a cloud's credentials from the model",
        _labels("podMetadata", "eks.amazonaws.com/skip-containers", of="annotations"),
        "spec.podMetadata.annotations",
        OWN,
    ),
    Refusal(
        "label value with a blank",
        _labels("podMetadata", "team", "a b"),
        "spec.podMetadata.labels[team]",
        LABEL_VALUE,
    ),
    Refusal(
        "label key with a blank",
        _labels("podMetadata", "a b"),
        "spec.podMetadata.labels",
        "write a label's key",
    ),
    Refusal(
        "label value as a boolean",
        {"podMetadata": {"labels": {"team": True}}},
        "spec.podMetadata.labels.team",
        "must be of type string",
    ),
    Refusal(
        "Service annotation of Pintle's",
        _labels("service", "pintle.dev/standby", of="annotations"),
        "spec.service.annotations",
        OWN,
    ),
    Refusal(
        "Service's managed-by label",
        _labels("service", "app.kubernetes.io/managed-by"),
        "spec.service.labels",
        OWN,
    ),
    Refusal("type of the Service", {"service": {"type": "LoadBalancer"}}, "spec.service.type", UNKNOWN),
]

PLACEMENT = [
    Refusal("nodeSelector value", {"nodeSelector": {"pool": "a b"}}, "spec.nodeSelector[pool]", LABEL_VALUE),
    Refusal(
        "nodeSelector key",
        {"nodeSelector": {"po ol": "a"}},
        "spec.nodeSelector",
        "write the key of a node's label",
    ),
    Refusal(
        "toleration without a key",
        _tolerate(effect="NoSchedule"),
        "spec.tolerations[0].key",
        "write the taint's key, or operator: Exists",
    ),
    Refusal(
        "toleration of any value with a value",
        _tolerate(key="gpu", operator="Exists", value="x"),
        "spec.tolerations[0].value",
        "leave value out with operator Exists",
    ),
    Refusal(
        "tolerationSeconds without NoExecute",
        _tolerate(key="gpu", effect="NoSchedule", tolerationSeconds=3),
        "spec.tolerations[0].tolerationSeconds",
        "write effect: NoExecute beside tolerationSeconds",
    ),
    Refusal(
        "unknown effect",
        _tolerate(key="gpu", effect="Never"),
        "spec.tolerations[0].effect",
        'supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
    ),
    Refusal(
        "unknown operator",
        _tolerate(key="gpu", operator="In"),
        "spec.tolerations[0].operator",
        'supported values: "Equal", "Exists"',
    ),
    Refusal(
        "priority of the cluster's own",
        {"priorityClassName": "system-node-critical"},
        "spec.priorityClassName",
        "write a PriorityClass made for workloads",
    ),
    Refusal(
        "priority in capitals",
        {"priorityClassName": "High"},
        "spec.priorityClassName",
        "write the name of a PriorityClass",
    ),
    Refusal(
        "imagePullSecrets as text",
        {"imagePullSecrets": ["pull"]},
        "spec.imagePullSecrets[0]",
        "must be of type object",
    ),
    Refusal(
        "pull Secret twice",
        {"imagePullSecrets": [{"name": "a"}, {"name": "a"}]},
        "spec.imagePullSecrets[1]",
        "Duplicate value",
    ),
    Refusal(
        "service account of another namespace",
        {"serviceAccountName": "kube-system:admin"},
        "spec.serviceAccountName",
        "write the name of a ServiceAccount of this namespace",
    ),
    Refusal("hostNetwork", {"hostNetwork": True}, "spec.hostNetwork", UNKNOWN),
    Refusal("volumes", {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, "spec.volumes", UNKNOWN),
]

ROWS = RESOURCES + ENV + METADATA + PLACEMENT
