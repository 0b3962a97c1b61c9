"""YAML as Kubernetes reads it, and the pods that are in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice: the first would be lost without a word."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value if key.value != "<<"]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"{node.start_mark}: {twice} twice"
        self.flatten_mapping(node)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> list[Any]:
    """Return a file's documents."""
    with path.open(encoding="utf-8") as file:
        return [document for document in yaml.load_all(file, Loader=_Strict) if document]


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """A pod that a manifest makes: where it is, its metadata and its spec."""

    where: str
    metadata: dict[str, Any]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, those that run before the others, too."""
        return [*self.spec.get("initContainers", ()), *self.spec["containers"]]

    def as_pod(self) -> dict[str, Any]:
        """Return the pod itself, for what validates those."""
        metadata = {"name": "pod", **self.metadata}
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": self.spec}


def pods(document: Any, where: str = "") -> Iterator[PodTemplate]:
    """Yield the pods of a document, wherever they are in it."""
    if isinstance(document, list):
        for number, item in enumerate(document):
            yield from pods(item, f"{where}[{number}]")
    elif isinstance(document, dict):
        spec = document.get("spec")
        if isinstance(spec, dict) and "containers" in spec:
            yield PodTemplate(where, document.get("metadata", {}), spec)
        else:
            for key, item in document.items():
                yield from pods(item, f"{where}.{key}")
