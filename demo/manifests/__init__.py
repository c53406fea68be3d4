"""The demo's manifests, with $names to fill in and images as the cluster finds them."""

from dataclasses import dataclass
from pathlib import Path
from string import Template

PUBLIC = "docker.io/pintle"
_DIRECTORY = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Manifests:
    """`registry` is where the images are, such as registry.example.com/pintle."""

    registry: str = PUBLIC

    def render(self, name: str, **values: str) -> str:
        """A manifest's text; one without values may hold a shell script, whose $names are its own.

        Raises:
            KeyError: a value is missing.
        """
        text = (_DIRECTORY / name).read_text(encoding="utf-8")
        return self.with_images(Template(text).substitute(values) if values else text)

    def with_images(self, text: str) -> str:
        return text.replace(f"{PUBLIC}/", f"{self.registry}/")
