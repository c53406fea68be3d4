"""ModelRuntime: an image that serves models, named by tenants and written by administrators."""

from collections.abc import Mapping
from typing import Any

from pintle.api.values import Object, Resources, Value, flat


class PackageIndex(Value):
    """The Python package index that a model's own requirements are installed from."""

    url: str | None = None  # None: PyPI
    ca_bundle: str | None = None  # PEM


class ModelRuntimeSpec(Value):
    """An image that serves models, and what administrators say about it."""

    image: str
    default: bool = False
    python: str | None = None
    flavors: tuple[str, ...] = ()
    default_resources: Resources = Resources()
    index: PackageIndex = PackageIndex()


class ModelRuntime(Object):
    """A cluster-scoped image for serving; ``namespace`` is empty."""

    spec: ModelRuntimeSpec


def parse_model_runtime(body: Mapping[str, Any]) -> ModelRuntime:
    """Parse an object as the API server gives it; raises as `parse_model_deployment` does."""
    return ModelRuntime.model_validate(flat(body))
