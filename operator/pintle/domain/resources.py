"""The kinds that the operator reads or writes."""

from pintle.domain.plan import Resource

MODEL_DEPLOYMENTS = Resource("pintle.dev", "v1alpha1", "modeldeployments", "ModelDeployment")
REGISTRY_CONNECTIONS = Resource("pintle.dev", "v1alpha1", "registryconnections", "RegistryConnection")
CLUSTER_REGISTRY_CONNECTIONS = Resource(
    "pintle.dev", "v1alpha1", "clusterregistryconnections", "ClusterRegistryConnection", namespaced=False
)
MODEL_RUNTIMES = Resource("pintle.dev", "v1alpha1", "modelruntimes", "ModelRuntime", namespaced=False)
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment")
SERVICES = Resource("", "v1", "services", "Service")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
PODS = Resource("", "v1", "pods", "Pod")
SECRETS = Resource("", "v1", "secrets", "Secret")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
HTTP_ROUTES = Resource("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute")

# What is watched with the label selector `app.kubernetes.io/managed-by=pintle`.
CHILDREN = (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    SERVICES,
    CONFIG_MAPS,
    PODS,
    BUDGETS,
    AUTOSCALERS,
    ENDPOINT_SLICES,
)
# Children of a kind that not every cluster serves. Watched likewise where it does.
OPTIONAL_CHILDREN = (HTTP_ROUTES,)
# What is watched whole: the kinds of our own.
OWN = (MODEL_DEPLOYMENTS, REGISTRY_CONNECTIONS, CLUSTER_REGISTRY_CONNECTIONS, MODEL_RUNTIMES)
