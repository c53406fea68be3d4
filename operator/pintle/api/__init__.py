"""The kinds of ``pintle.dev/v1alpha1`` as frozen, parsed values.

The schema in ``crds/`` is the truth about what may be written; a test keeps these types and that schema from
drifting apart. By the time an object gets here, the API server has checked it and filled in the defaults.

Unknown fields are ignored, so that an older operator meets an object of a newer release calmly.
Field names are Python's here and camelCase in Kubernetes: ``standby_seconds`` is ``standbySeconds``.
"""

from pintle.api.cluster_registry_connection import (
    ClusterRegistryConnection,
    ClusterRegistryConnectionSpec,
    LabelExpression,
    LabelSelector,
    parse_cluster_registry_connection,
)
from pintle.api.model_deployment import (
    Analysis,
    Autoscaling,
    CanaryStep,
    Cases,
    CasesConfigMapRef,
    EnvVar,
    EnvVarSource,
    Gateway,
    KeyRef,
    ModelDeployment,
    ModelDeploymentSpec,
    ParentRef,
    Proof,
    RegistryRef,
    Rollout,
    RuntimeRef,
    Toleration,
    parse_model_deployment,
)
from pintle.api.model_runtime import ModelRuntime, ModelRuntimeSpec, PackageIndex, parse_model_runtime
from pintle.api.registry_connection import (
    CLUSTER_KIND,
    CaBundle,
    CaConfigMapRef,
    RegistryConnection,
    RegistryConnectionSpec,
    Require,
    parse_registry_connection,
)
from pintle.api.values import Metadata, Object, ObjectRef, Resources, StringMap

GROUP = "pintle.dev"
VERSION = "v1alpha1"

__all__ = [
    "CLUSTER_KIND",
    "GROUP",
    "VERSION",
    "Analysis",
    "Autoscaling",
    "CaBundle",
    "CaConfigMapRef",
    "CanaryStep",
    "Cases",
    "CasesConfigMapRef",
    "ClusterRegistryConnection",
    "ClusterRegistryConnectionSpec",
    "EnvVar",
    "EnvVarSource",
    "Gateway",
    "KeyRef",
    "LabelExpression",
    "LabelSelector",
    "Metadata",
    "ModelDeployment",
    "ModelDeploymentSpec",
    "ModelRuntime",
    "ModelRuntimeSpec",
    "Object",
    "ObjectRef",
    "PackageIndex",
    "ParentRef",
    "Proof",
    "RegistryConnection",
    "RegistryConnectionSpec",
    "RegistryRef",
    "Require",
    "Resources",
    "Rollout",
    "RuntimeRef",
    "StringMap",
    "Toleration",
    "parse_cluster_registry_connection",
    "parse_model_deployment",
    "parse_model_runtime",
    "parse_registry_connection",
]
