"""MLflow's answers, as far as they are read. What does not fit is no answer of an MLflow server.

What becomes part of a record has an end: it is stored again in a ConfigMap and in annotations, which the API
server bounds. MLflow's own columns are shorter. What is kept in memory for each deployment has one too.
"""

from pydantic import BaseModel, Field

from pintle.domain import ModelAliases

_URI, _RUN_ID = 4096, 256
# What `spec.require` of a connection may name: the schema's own limits.
_TAG_KEY, _TAG_VALUE, _ALIAS = 250, 1024, 255


class Tag(BaseModel):
    """A tag of a version."""

    key: str
    value: str = ""


class ModelVersion(BaseModel):
    """One version."""

    version: str
    source: str = Field(min_length=1, max_length=_URI)
    creation_timestamp: int = Field(ge=0)
    run_id: str | None = Field(default=None, max_length=_RUN_ID)
    status: str = "READY"
    tags: list[Tag] = []
    aliases: list[str] = []

    def tagged(self) -> dict[str, str]:
        """The tags that can be asked for."""
        return {t.key: t.value for t in self.tags if len(t.key) <= _TAG_KEY and len(t.value) <= _TAG_VALUE}

    def aliased(self) -> frozenset[str]:
        """The aliases that can be asked for."""
        return frozenset(alias for alias in self.aliases if len(alias) <= _ALIAS)


class VersionAnswer(BaseModel):
    """`model-versions/get`."""

    model_version: ModelVersion


class DownloadAnswer(BaseModel):
    """`model-versions/get-download-uri`."""

    artifact_uri: str = Field(min_length=1, max_length=_URI)


class LatestVersion(BaseModel):
    """The newest version of one stage."""

    version: int


class RegisteredModel(BaseModel):
    """A model, for its newest versions."""

    latest_versions: list[LatestVersion] = []


class Alias(BaseModel):
    """What an alias names."""

    alias: str
    version: str


class AliasedModel(BaseModel):
    """A model, for its aliases."""

    name: str
    creation_timestamp: int = Field(ge=0)
    aliases: list[Alias] = []

    def aliased(self) -> ModelAliases:
        """The model as the port has it."""
        return ModelAliases(self.creation_timestamp, {each.alias: each.version for each in self.aliases})


class AliasedModelAnswer(BaseModel):
    """`registered-models/get`, for the aliases."""

    registered_model: AliasedModel


class AliasedModelsAnswer(BaseModel):
    """`registered-models/search`, for the aliases."""

    registered_models: list[AliasedModel] = []
    next_page_token: str = ""


class ModelAnswer(BaseModel):
    """`registered-models/get`, for the newest versions."""

    registered_model: RegisteredModel


class SearchAnswer(BaseModel):
    """`registered-models/search`, for whether it answers at all."""

    registered_models: list[object] = []


class EmptyAnswer(BaseModel):
    """`set-tag` and `delete-tag`: done, and nothing to say."""


class ErrorAnswer(BaseModel):
    """What an error says to programs."""

    error_code: str


class ServerVersion(BaseModel):
    """`/version`."""

    version: str = Field(pattern=r"^\d+\.\d+[0-9A-Za-z.+-]{0,64}$")
