from tests.support.cluster import api_client, api_server, crds, kubectl, namespace, rest
from tests.support.mlflow_server import mlflow_server, mlflow_server_with_users

__all__ = [
    "api_client",
    "api_server",
    "crds",
    "kubectl",
    "mlflow_server",
    "mlflow_server_with_users",
    "namespace",
    "rest",
]
