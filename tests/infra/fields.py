"""Which fields the kinds of infra/ have, as far as infra/ uses any; what is not here, is refused.

KubeRay's are from an older page of its API, its Go types, and for `authOptions` excerpts of the
reference of 1.6.2: its CRDs are in no package that can be depended on. Kubernetes' own are from its
API reference of 1.37; kubernetes-validate's schemas are asked, too.
"""

from __future__ import annotations

import re
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


def _all_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)


def _amounts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        re.fullmatch(r"[0-9.]+(m|Mi|Gi)?", str(amount)) for amount in value.values()
    )


def _one_of(*words: str) -> Check:
    return lambda value: value in words


def _any(value: Any) -> bool:
    return value is not None


_NAMED: Final = {"name": _text}
_AMOUNTS: Final = {"requests": _amounts, "limits": _amounts}
_META: Final = {"labels": _texts}
_PRIVILEGES: Final = {
    "runAsNonRoot": _flag,
    "runAsUser": _count,
    "runAsGroup": _count,
    "allowPrivilegeEscalation": _flag,
    "readOnlyRootFilesystem": _flag,
    "capabilities": {"drop": _any},
    "seccompProfile": {"type": _one_of("RuntimeDefault")},
}
_VARIABLE: Final = {
    "name": _text,
    "value": _text,
    "valueFrom": {
        "secretKeyRef": {"name": _text, "key": _text},
        "fieldRef": {"fieldPath": _text},
    },
}
_CONTAINER: Final = {
    "name": _text,
    "image": _text,
    "imagePullPolicy": _one_of("IfNotPresent", "Always", "Never"),
    "command": _all_texts,
    "args": _all_texts,
    "env": [_VARIABLE],
    "envFrom": [{"secretRef": _NAMED}],
    "ports": [{"name": _text, "containerPort": _count}],
    "securityContext": _PRIVILEGES,
    "resources": _AMOUNTS,
    "volumeMounts": [{"name": _text, "mountPath": _text}],
}
_VOLUME: Final = {
    "name": _text,
    "persistentVolumeClaim": {"claimName": _text},
    "emptyDir": {"medium": _one_of("Memory"), "sizeLimit": _text},
}
_POD: Final = {
    "metadata": _META,
    "spec": {
        "serviceAccountName": _text,
        "automountServiceAccountToken": _flag,
        "restartPolicy": _one_of("Never"),
        "securityContext": {
            **_PRIVILEGES,
            "fsGroup": _count,
            "fsGroupChangePolicy": _one_of("OnRootMismatch", "Always"),
        },
        "nodeSelector": _texts,
        "tolerations": [
            {"key": _text, "operator": _one_of("Exists"), "effect": _one_of("NoSchedule")}
        ],
        "containers": [_CONTAINER],
        "volumes": [_VOLUME],
    },
}
_JOB: Final = {
    "backoffLimit": _count,
    "ttlSecondsAfterFinished": _count,
    "template": _POD,
}
_CRON_JOB: Final = {
    "schedule": _text,
    "timeZone": _text,
    "concurrencyPolicy": _one_of("Forbid"),
    "startingDeadlineSeconds": _count,
    "successfulJobsHistoryLimit": _count,
    "failedJobsHistoryLimit": _count,
    "jobTemplate": {"metadata": _META, "spec": _JOB},
}
_CLAIM: Final = {
    "accessModes": _all_texts,
    "storageClassName": _text,
    "resources": {"requests": _amounts},
}

_AUTH: Final = {"mode": _one_of("token", "disabled"), "secretName": _text}
_AUTOSCALER: Final = {
    "version": _one_of("v1", "v2"),
    "idleTimeoutSeconds": _count,
    "upscalingMode": _one_of("Default", "Aggressive", "Conservative"),
    "resources": _AMOUNTS,
    "securityContext": _PRIVILEGES,
}
_HEAD: Final = {"rayStartParams": _texts, "template": _POD, "serviceType": _text}
_WORKERS: Final = {
    "groupName": _text,
    "replicas": _count,
    "minReplicas": _count,
    "maxReplicas": _count,
    "rayStartParams": _texts,
    "template": _POD,
}
_RAY_CLUSTER: Final = {
    "rayVersion": _text,
    "authOptions": _AUTH,
    "enableInTreeAutoscaling": _flag,
    "autoscalerOptions": _AUTOSCALER,
    "headGroupSpec": _HEAD,
    "workerGroupSpecs": [_WORKERS],
}
_RAY_JOB: Final = {
    "submissionMode": _one_of("K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"),
    "entrypoint": _text,
    "backoffLimit": _count,
    "activeDeadlineSeconds": _count,
    "shutdownAfterJobFinishes": _flag,
    "ttlSecondsAfterFinished": _count,
    "submitterPodTemplate": _POD,
    "rayClusterSpec": _RAY_CLUSTER,
}


SPECS: Final[Mapping[str, Any]] = {
    "PersistentVolumeClaim": _CLAIM,
    "CronJob": _CRON_JOB,
    "RayCluster": _RAY_CLUSTER,
    "RayJob": _RAY_JOB,
}


def faults(value: Any, known: Any, path: str) -> Iterator[str]:
    """Yield what in a spec its reader would not know, or take for something else."""
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
