from tests.support.cluster import api_client, api_server, crds, kubectl, namespace, rest

__all__ = ["api_client", "api_server", "crds", "kubectl", "namespace", "rest"]
