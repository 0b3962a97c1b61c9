"""Which fields KubeRay's kinds have, as far as infra/ uses any; what is not here, is refused.

From the reference of ray.io/v1 in Ray's documentation, of KubeRay 1.6.2 (RayCluster, RayJob).
KubeRay's own CRDs are in no package that can be depended on. Pod templates are Kubernetes' own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

Check = Callable[[Any], bool]


def _texts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _one_of(*words: str) -> Check:
    return lambda value: value in words


def _kubernetes(value: Any) -> bool:
    return isinstance(value, dict)


_AUTH: Final = {"mode": _one_of("token", "disabled"), "secretName": _text}
_AUTOSCALER: Final = {
    "version": _one_of("v1", "v2"),
    "idleTimeoutSeconds": _count,
    "upscalingMode": _one_of("Default", "Aggressive", "Conservative"),
    "resources": _kubernetes,
    "securityContext": _kubernetes,
}
_HEAD: Final = {"rayStartParams": _texts, "template": _kubernetes, "serviceType": _text}
_WORKERS: Final = {
    "groupName": _text,
    "replicas": _count,
    "minReplicas": _count,
    "maxReplicas": _count,
    "rayStartParams": _texts,
    "template": _kubernetes,
}
RAY_CLUSTER: Final[Mapping[str, Any]] = {
    "rayVersion": _text,
    "authOptions": _AUTH,
    "enableInTreeAutoscaling": _flag,
    "autoscalerOptions": _AUTOSCALER,
    "headGroupSpec": _HEAD,
    "workerGroupSpecs": [_WORKERS],
}
RAY_JOB: Final[Mapping[str, Any]] = {
    "submissionMode": _one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    "entrypoint": _text,
    "backoffLimit": _count,
    "activeDeadlineSeconds": _count,
    "shutdownAfterJobFinishes": _flag,
    "ttlSecondsAfterFinished": _count,
    "submitterPodTemplate": _kubernetes,
    "rayClusterSpec": RAY_CLUSTER,
}


def faults(value: Any, known: Any, path: str) -> Iterator[str]:
    """Yield what in a spec KubeRay would not know, or take for something else."""
    if callable(known):
        if not known(value):
            yield f"{path} can't be {value!r}"
    elif isinstance(known, list):
        for number, item in enumerate(value):
            yield from faults(item, known[0], f"{path}[{number}]")
    elif not isinstance(value, dict):
        yield f"{path} is no object"
    else:
        for name, inner in value.items():
            if name not in known:
                yield f"{path}.{name} is no field"
            else:
                yield from faults(inner, known[name], f"{path}.{name}")
