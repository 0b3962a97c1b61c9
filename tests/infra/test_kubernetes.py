"""The manifests: every field is one, every name leads somewhere, every command would be read."""

from __future__ import annotations

import re
import shlex
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from fsp_ray import __version__

from .commands import ROOT, check_command
from .fields import SPECS, faults
from .manifests import PodTemplate, pods, read_yaml

FILES = sorted([*(ROOT / "infra" / "kuberay").glob("*"), *(ROOT / "infra" / "cron").glob("*")])
DOCUMENTS = [(path, document) for path in FILES for document in read_yaml(path)]
KINDS = {
    "Namespace": "v1",
    "ServiceAccount": "v1",
    "PersistentVolumeClaim": "v1",
    "CronJob": "batch/v1",
    "RayCluster": "ray.io/v1",
    "RayJob": "ray.io/v1",
}
PODS = [(f"{path.name}{pod.where}", pod) for path, document in DOCUMENTS for pod in pods(document)]
# Made by hand (docs/deploy/kubernetes.md), and by the operator for a cluster of that name.
SECRETS = {"fsp-s3", "fsp"}
each_document = pytest.mark.parametrize(
    ("path", "document"), DOCUMENTS, ids=[f"{p.name}-{d['kind']}" for p, d in DOCUMENTS]
)
each_pod = pytest.mark.parametrize("pod", [p for _, p in PODS], ids=[where for where, _ in PODS])


def _named(kind: str) -> dict[str, Any]:
    found = [document for _, document in DOCUMENTS if document["kind"] == kind]
    return {document["metadata"].get("name", "?"): document for document in found}


SCHEDULES = sorted(_named("CronJob"))
each_schedule = pytest.mark.parametrize("name", SCHEDULES)


def _clusters() -> dict[str, dict[str, Any]]:
    job = [d["spec"]["rayClusterSpec"] for _, d in DOCUMENTS if d["kind"] == "RayJob"]
    return {**{n: d["spec"] for n, d in _named("RayCluster").items()}, "of the RayJob": job[0]}


def test_there_are_manifests_and_pods() -> None:
    assert {path.suffix for path in FILES} == {".yaml"}
    assert {document["kind"] for _, document in DOCUMENTS} == set(KINDS)
    assert len(PODS) >= 6 + len(SCHEDULES)
    assert "fsp-refresh" in SCHEDULES


@each_document
def test_it_is_of_a_known_kind_in_the_one_namespace(path: Path, document: dict[str, Any]) -> None:
    assert set(document) <= {
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        "automountServiceAccountToken",
    }
    assert document["apiVersion"] == KINDS[document["kind"]]
    meta = document["metadata"]
    assert set(meta) <= {"name", "generateName", "namespace", "labels"}
    name = meta.get("name") or meta["generateName"] + "x"
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name)  # room for what is appended
    assert meta.get("namespace", "fsp") == "fsp"
    assert meta["labels"]["app.kubernetes.io/part-of"] == "fsp-ray"


@each_document
def test_it_has_only_fields_of_its_kind(path: Path, document: dict[str, Any]) -> None:
    assert ("spec" in document) == (document["kind"] in SPECS)
    if "spec" in document:
        assert list(faults(document["spec"], SPECS[document["kind"]], "spec")) == []


@each_document
def test_kubernetes_own_schemas_take_it(path: Path, document: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="kubernetes-validate is not installed"
    )
    if document["apiVersion"].startswith("ray.io/"):
        for pod in pods(document):
            kubernetes_validate.validate(pod.as_pod(), "1.37", strict=True)
    else:
        kubernetes_validate.validate(document, "1.37", strict=True)


@each_pod
def test_a_pod_is_restricted(pod: PodTemplate) -> None:
    context = pod.spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == 1000
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod.spec)
    for container in pod.containers:
        own = container["securityContext"]
        assert own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}


@each_pod
def test_a_pod_says_what_it_needs(pod: PodTemplate) -> None:
    for container in pod.containers:
        assert container["image"] in {f"fsp-ray:{__version__}", f"fsp-ray:{__version__}-gpu"}
        resources = container["resources"]
        for name in ("cpu", "memory"):
            assert _amount(resources["requests"][name]) <= _amount(resources["limits"][name])
        assert resources["requests"]["memory"]
        assert ("nvidia.com/gpu" in resources["limits"]) == container["image"].endswith("-gpu")


def _amount(quantity: str) -> float:
    number, unit = re.fullmatch(r"([0-9.]+)(m|Mi|Gi|)", str(quantity)).groups()  # pyright: ignore[reportOptionalMemberAccess] - or an error
    return float(number) * {"": 1, "m": 1e-3, "Mi": 1 << 20, "Gi": 1 << 30}[unit]


@each_pod
def test_a_pod_s_names_lead_somewhere(pod: PodTemplate) -> None:
    volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
    for container in pod.containers:
        mounted = [mount["name"] for mount in container.get("volumeMounts", ())]
        assert set(mounted) == set(volumes)
        sources = [source["secretRef"]["name"] for source in container.get("envFrom", ())]
        sources += [
            variable["valueFrom"]["secretKeyRef"]["name"]
            for variable in container.get("env", ())
            if "secretKeyRef" in variable.get("valueFrom", ())
        ]
        assert set(sources) <= SECRETS
    claims = {
        volume["persistentVolumeClaim"]["claimName"]
        for volume in volumes.values()
        if "persistentVolumeClaim" in volume
    }
    assert claims <= set(_named("PersistentVolumeClaim"))
    if "serviceAccountName" in pod.spec:
        assert pod.spec["serviceAccountName"] in _named("ServiceAccount")


@each_pod
def test_no_pod_holds_a_secret(pod: PodTemplate) -> None:
    for container in pod.containers:
        for variable in container.get("env", ()):
            if re.search("TOKEN|SECRET|PASSWORD|KEY", variable["name"]):
                assert "value" not in variable, variable["name"]


@each_pod
def test_a_command_would_be_read(pod: PodTemplate) -> None:
    for container in pod.containers:
        if "command" in container:
            check_command([*container["command"], *container.get("args", ())])


def test_a_ray_job_s_entrypoint_would_be_read() -> None:
    (job,) = _named("RayJob").values()
    check_command(shlex.split(job["spec"]["entrypoint"]))


@pytest.mark.parametrize("name", ["fsp", "of the RayJob"])
def test_a_cluster_asks_for_a_token_and_is_of_the_locked_ray(name: str) -> None:
    spec = _clusters()[name]
    assert spec["authOptions"] == {"mode": "token"}
    assert spec["rayVersion"] == metadata.version("ray")


@pytest.mark.parametrize("name", ["fsp", "of the RayJob"])
def test_all_nodes_see_the_staging_and_have_room_for_the_object_store(name: str) -> None:
    spec = _clusters()[name]
    for group in [spec["headGroupSpec"], *spec["workerGroupSpecs"]]:
        pod = next(pods(group))
        (container,) = pod.containers
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
        staging = volumes[mounts["/staging"]]
        assert staging["persistentVolumeClaim"]["claimName"] == "fsp-staging"
        store = int(group["rayStartParams"]["object-store-memory"])
        shm = volumes[mounts["/dev/shm"]]["emptyDir"]
        assert shm["medium"] == "Memory"
        assert store <= _amount(shm["sizeLimit"])
        assert _amount(shm["sizeLimit"]) < _amount(container["resources"]["limits"]["memory"])
        check_ray_start(group["rayStartParams"])


def check_ray_start(parameters: dict[str, str]) -> None:
    """Check the parameters that KubeRay makes options of."""
    check_command(["ray", "start", *(f"--{name}={value}" for name, value in parameters.items())])


def test_gpus_are_only_taken_where_they_are_offered() -> None:
    (group,) = [g for g in _clusters()["fsp"]["workerGroupSpecs"] if g["groupName"] == "gpu"]
    pod = next(pods(group))
    tolerated = pod.spec["tolerations"]
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in tolerated
    assert group["minReplicas"] == group["replicas"] == 0


def test_the_ray_job_asks_for_no_more_workers_than_there_is_room_for() -> None:
    (job,) = _named("RayJob").values()
    words = shlex.split(job["spec"]["entrypoint"])
    workers = int(words[words.index("--workers") + 1])
    cpus = 0.0
    for group in job["spec"]["rayClusterSpec"]["workerGroupSpecs"]:
        (container,) = next(pods(group)).containers
        cpus += group["replicas"] * _amount(container["resources"]["requests"]["cpu"])
    assert workers + 1 <= cpus  # a CPU for the steps between


@each_schedule
def test_a_schedule_never_overtakes_itself(name: str) -> None:
    spec = _named("CronJob")[name]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert all(re.fullmatch(r"[0-9*/,-]+", part) for part in spec["schedule"].split(" "))
    assert len(spec["schedule"].split(" ")) == 5
    job = spec["jobTemplate"]["spec"]
    assert job["backoffLimit"] == 0
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    (container,) = job["template"]["spec"]["containers"]
    assert "--no-wait" not in container["command"], "the pod must last as long as the job"


@each_schedule
def test_a_schedule_finds_the_cluster_and_its_token(name: str) -> None:
    (container,) = _named("CronJob")[name]["spec"]["jobTemplate"]["spec"]["template"]["spec"][
        "containers"
    ]
    environment = {variable["name"]: variable for variable in container["env"]}
    (cluster,) = _named("RayCluster")
    assert environment["RAY_API_SERVER_ADDRESS"]["value"] == f"http://{cluster}-head-svc:8265"
    assert environment["RAY_AUTH_MODE"]["value"] == "token"
    # The operator names the Secret after the cluster.
    assert environment["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"] == {
        "name": cluster,
        "key": "auth_token",
    }
