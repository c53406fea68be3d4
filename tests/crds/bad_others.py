"""Connections and ModelRuntimes that are refused at admission."""

from functools import partial

from tests.crds.refusals import Refusal

NAME = "write a name of at most 63 lower case letters, digits and '-'"
SERVER = "write the address of an MLflow tracking server"
INDEX = "write the address of a Python package index"
WITHOUT = "write the address without '?' and '#'"
QUANTITY = "write a quantity that is not negative"
REQUIRE = "name at least one tag or alias"
UNKNOWN = "unknown field"

_connection = partial(Refusal, kind="RegistryConnection")
_cluster = partial(Refusal, kind="ClusterRegistryConnection")
_runtime = partial(Refusal, kind="ModelRuntime")

CONNECTIONS = [
    _connection("name with a dot", {}, "metadata.name", NAME, name="ml.flow"),
    _connection("name of 64 characters", {}, "metadata.name", NAME, name="m" * 64),
    _connection("no uri", {"uri": None}, "spec.uri", "Required value"),
    _connection("host alone", {"uri": "mlflow.ml.svc:5000"}, "spec.uri", SERVER),
    _connection("file store", {"uri": "file:///mlruns"}, "spec.uri", SERVER),
    _connection("database", {"uri": "sqlite:///mlflow.db"}, "spec.uri", SERVER),
    _connection("databricks", {"uri": "databricks://profile"}, "spec.uri", SERVER),
    _connection("no host", {"uri": "https:///mlflow"}, "spec.uri", SERVER),
    _connection(
        "password in the uri",
        {"uri": "https://user:secret@mlflow.ml.svc"},
        "spec.uri",
        "take the user and the password out of the address",
    ),
    _connection("uri with a query", {"uri": "https://mlflow.ml.svc/?token=x"}, "spec.uri", WITHOUT),
    _connection("uri with a fragment", {"uri": "https://mlflow.ml.svc/#/models"}, "spec.uri", WITHOUT),
    _connection("writeBack as text", {"writeBack": "yes"}, "spec.writeBack", "must be of type boolean"),
    _connection("secretRef without a name", {"secretRef": {}}, "spec.secretRef.name", "Required value"),
    _connection(
        "Secret of another namespace",
        {"secretRef": {"name": "c", "namespace": "kube-system"}},
        "spec.secretRef.namespace",
        UNKNOWN,
    ),
    _connection(
        "secretRef that is a path",
        {"secretRef": {"name": "other/credentials"}},
        "spec.secretRef.name",
        "write the name of a Secret of this namespace",
    ),
    _connection("caBundle as text", {"caBundle": "-----BEGIN"}, "spec.caBundle", "must be of type object"),
    _connection("empty caBundle", {"caBundle": {}}, "spec.caBundle.configMapRef", "Required value"),
    _connection(
        "key of caBundle that is a path",
        {"caBundle": {"configMapRef": {"name": "ca", "key": "a/b"}}},
        "spec.caBundle.configMapRef.key",
        "write a key of the ConfigMap",
    ),
    _connection("poll every second", {"pollSeconds": 1}, "spec.pollSeconds", "greater than or equal to 5"),
    _connection("poll as a duration", {"pollSeconds": "30s"}, "spec.pollSeconds", "must be of type integer"),
    _connection("require nothing", {"require": {}}, "spec.require", REQUIRE),
    _connection("require no tags", {"require": {"tags": {}, "aliases": []}}, "spec.require", REQUIRE),
    _connection(
        "require a tag that is no text",
        {"require": {"tags": {"approved": True}}},
        "spec.require.tags.approved",
        "must be of type string",
    ),
    _connection(
        "require a tag without a key",
        {"require": {"tags": {"": "approved"}}},
        "spec.require.tags",
        "write keys of tags with 1 to 250 characters",
    ),
    _connection(
        "require an alias with @",
        {"require": {"aliases": ["@approved"]}},
        "spec.require.aliases[0]",
        "write the alias alone, such as approved",
    ),
    _connection(
        "require an alias twice",
        {"require": {"aliases": ["approved", "approved"]}},
        "spec.require.aliases[1]",
        "Duplicate value",
    ),
    _connection("require a stage", {"require": {"stage": "Production"}}, "spec.require.stage", UNKNOWN),
]

_SELECTOR = "spec.allowedNamespaces.matchExpressions[0]"
_VALUES = "write the values that In and NotIn compare with"


def _selecting(case: str, expression: dict[str, object], field: str, says: str) -> Refusal:
    selector = {"matchExpressions": [expression]}
    return _cluster(case, {"allowedNamespaces": selector}, f"{_SELECTOR}{field}", says)


CLUSTER_CONNECTIONS = [
    _cluster("name with a dot", {}, "metadata.name", NAME, name="ml.flow"),
    _cluster("no uri", {"uri": None}, "spec.uri", "Required value"),
    _cluster("file store", {"uri": "file:///mlruns"}, "spec.uri", SERVER),
    _cluster(
        "password in the uri",
        {"uri": "https://user:secret@mlflow.example.com"},
        "spec.uri",
        "take the user and the password out of the address",
    ),
    _cluster("uri with a query", {"uri": "https://mlflow.example.com?x=1"}, "spec.uri", WITHOUT),
    _cluster(
        "no allowed namespaces", {"allowedNamespaces": None}, "spec.allowedNamespaces", "Required value"
    ),
    _cluster(
        "allowed namespaces by name",
        {"allowedNamespaces": ["ml"]},
        "spec.allowedNamespaces",
        "must be of type object",
    ),
    _cluster(
        "label with a blank",
        {"allowedNamespaces": {"matchLabels": {"team": "a b"}}},
        "spec.allowedNamespaces.matchLabels[team]",
        "write a label's value",
    ),
    _selecting("no operator", {"key": "team"}, ".operator", "Required value"),
    _selecting("unknown operator", {"key": "team", "operator": "Gt"}, ".operator", "Unsupported value"),
    _selecting("In nothing", {"key": "team", "operator": "In"}, ".values", _VALUES),
    _selecting("Exists with values", {"key": "t", "operator": "Exists", "values": ["x"]}, ".values", _VALUES),
    _cluster(
        "Secret of another namespace",
        {"secretRef": {"name": "credentials", "namespace": "mlops"}},
        "spec.secretRef.namespace",
        UNKNOWN,
    ),
    _cluster(
        "Secret that is a path",
        {"secretRef": {"name": "mlops/credentials"}},
        "spec.secretRef.name",
        "write the name of a Secret alone",
    ),
    _cluster(
        "caBundle of a ConfigMap",
        {"caBundle": {"configMapRef": {"name": "ca"}}},
        "spec.caBundle.configMapRef",
        UNKNOWN,
    ),
    _cluster(
        "path of a CA bundle",
        {"caBundle": "/etc/ssl/ca.crt"},
        "spec.caBundle",
        "write the certificates themselves, in PEM",
    ),
    _cluster("poll every second", {"pollSeconds": 1}, "spec.pollSeconds", "greater than or equal to 5"),
    _cluster("require nothing", {"require": {}}, "spec.require", REQUIRE),
]


RUNTIMES = [
    _runtime("name with a dot", {}, "metadata.name", NAME, name="py3.13"),
    _runtime("no image", {"image": None}, "spec.image", "Required value"),
    _runtime(
        "image with a scheme", {"image": "https://docker.io/x"}, "spec.image", "write an image, such as"
    ),
    _runtime("image with a blank", {"image": "docker.io/x y"}, "spec.image", "write an image, such as"),
    _runtime(
        "image with half a digest",
        {"image": "docker.io/x@sha256:12"},
        "spec.image",
        "write an image, such as",
    ),
    _runtime("python as a number", {"python": 3.13}, "spec.python", "must be of type string"),
    _runtime("python 2", {"python": "2.7"}, "spec.python", "write a version of Python in quotes"),
    _runtime("default as text", {"default": "true"}, "spec.default", "must be of type boolean"),
    _runtime("flavor in capitals", {"flavors": ["SKLearn"]}, "spec.flavors[0]", "write a flavor's name"),
    _runtime("flavor twice", {"flavors": ["sklearn", "sklearn"]}, "spec.flavors[1]", "Duplicate value"),
    _runtime(
        "default resources",
        {"defaultResources": {"requests": {"cpu": "lots"}}},
        "spec.defaultResources.requests[cpu]",
        QUANTITY,
    ),
    _runtime(
        "default requests over limits",
        {"defaultResources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}},
        "spec.defaultResources.requests",
        "write requests that are no more than the limits",
    ),
    _runtime("index without a scheme", {"index": {"url": "pypi.org/simple"}}, "spec.index.url", INDEX),
    _runtime(
        "password in the index",
        {"index": {"url": "https://u:p@pypi.example.com/simple"}},
        "spec.index.url",
        "take the user and the password out of the address",
    ),
    _runtime(
        "index with a query", {"index": {"url": "https://pypi.org/simple?x=1"}}, "spec.index.url", WITHOUT
    ),
    _runtime(
        "path of a CA bundle",
        {"index": {"caBundle": "/etc/ssl/ca.crt"}},
        "spec.index.caBundle",
        "write the certificates themselves, in PEM",
    ),
    _runtime(
        "private key in the CA bundle",
        {
            "index": {
                "caBundle": "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"
                "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n"
            }
        },
        "spec.index.caBundle",
        "take the private key out, and make a new one",
    ),
    _runtime("command", {"command": ["sh"]}, "spec.command", UNKNOWN),
]

ROWS = CONNECTIONS + CLUSTER_CONNECTIONS + RUNTIMES
