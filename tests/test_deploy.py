"""The Compose file, the Kubernetes manifests and the Dockerfile fit each other and us.

They are parsed, not run: roles, addresses, TF_CONFIG, restart policies, commands.
"""

import pathlib
import re
import subprocess
import types

import model_server
import pytest
import yaml

from od_api import cli
from od_api.training.tf_config import read_cluster

DEPLOY = pathlib.Path(__file__).parent.parent / "deploy"
TASKS = {
    "chief": ("chief", 0),
    "worker-0": ("worker", 0),
    "worker-1": ("worker", 1),
    "ps-0": ("ps", 0),
    "ps-1": ("ps", 1),
    "evaluator": ("evaluator", 0),
}


def load(name):
    return yaml.safe_load((DEPLOY / name).read_text())


def assert_trains(command, shared):
    """The command line is one of ours, and its files are on the shared volume."""
    assert command[0] == "od-api"
    args = cli._parser().parse_args(command[1:])
    assert args.command == "train"
    assert pathlib.PurePath(args.config).is_relative_to(shared)
    assert pathlib.PurePath(args.model_dir).is_relative_to(shared)


@pytest.fixture(scope="module")
def compose():
    return load("docker-compose.yml")


@pytest.mark.parametrize("name", TASKS)
def test_compose_service_is_the_task_of_its_name(compose, name):
    """TF_CONFIG names this service's task and all services' names and ports."""
    service = compose["services"][name]
    cluster = read_cluster(service["environment"])
    assert (cluster.task_type, cluster.task_index) == TASKS[name]
    assert cluster.jobs == {
        "chief": ["chief:2222"],
        "worker": ["worker-0:2222", "worker-1:2222"],
        "ps": ["ps-0:2222", "ps-1:2222"],
    }
    assert service["expose"] == ["2222"]


def test_compose_services_are_the_roles(compose):
    """All of one image, with one command, on one folder."""
    services = compose["services"]
    assert set(services) == set(TASKS)
    for name, service in services.items():
        source, target = service["volumes"][0].rsplit(":", 1)
        assert source.startswith("${OD_API_SHARED:?"), name
        assert_trains(service["command"], target)
        assert service["image"] == "od-api"
        assert service["build"] == {
            "context": "..",
            "dockerfile": "deploy/Dockerfile",
        }
        assert set(service) == {
            *("image", "build", "command", "volumes", "expose"),
            *("restart", "environment"),
        }


def test_compose_restarts_what_may_come_back(compose):
    policies = {name: s["restart"] for name, s in compose["services"].items()}
    assert policies == {
        "chief": "on-failure:3",
        "worker-0": "on-failure",
        "worker-1": "on-failure",
        # A string: YAML reads a bare `no` as false.
        "ps-0": "no",
        "ps-1": "no",
        "evaluator": "on-failure",
    }


def replicas(job):
    specs = job["spec"]["tfReplicaSpecs"]
    return {kind: spec["replicas"] for kind, spec in specs.items()}


def restarts(job):
    specs = job["spec"]["tfReplicaSpecs"]
    return {kind: spec["restartPolicy"] for kind, spec in specs.items()}


@pytest.fixture(scope="module")
def asynchronous():
    return load("kubernetes/tfjob_asynchronous.yaml")


@pytest.fixture(scope="module")
def synchronous():
    return load("kubernetes/tfjob_synchronous.yaml")


def test_asynchronous_job_has_all_roles(asynchronous):
    assert replicas(asynchronous) == {"Chief": 1, "Worker": 3, "PS": 2, "Evaluator": 1}
    assert restarts(asynchronous) == {
        "Chief": "OnFailure",
        "Worker": "OnFailure",
        "PS": "Never",
        "Evaluator": "OnFailure",
    }


def test_synchronous_job_trains_in_step_on_gpus(synchronous):
    """No parameter servers; every trainer has a GPU; all come back."""
    assert replicas(synchronous) == {"Chief": 1, "Worker": 3}
    assert restarts(synchronous) == {"Chief": "OnFailure", "Worker": "OnFailure"}
    for spec in synchronous["spec"]["tfReplicaSpecs"].values():
        (container,) = spec["template"]["spec"]["containers"]
        assert container["resources"]["limits"] == {"nvidia.com/gpu": 1}


@pytest.mark.parametrize("name", ["asynchronous", "synchronous"])
def test_job_is_what_the_operator_reads(name, request):
    """Kubeflow's training operator, kubeflow.org/v1: its field names, and its own
    names of the container and the port, without which it sets no TF_CONFIG."""
    job = request.getfixturevalue(name)
    assert (job["apiVersion"], job["kind"]) == ("kubeflow.org/v1", "TFJob")
    assert set(job["spec"]) == {"runPolicy", "tfReplicaSpecs"}
    assert job["spec"]["runPolicy"]["cleanPodPolicy"] == "Running"
    assert set(job["spec"]["runPolicy"]) == {"cleanPodPolicy", "backoffLimit"}
    for spec in job["spec"]["tfReplicaSpecs"].values():
        assert set(spec) == {"replicas", "restartPolicy", "template"}
        assert spec["restartPolicy"] in ("Always", "OnFailure", "Never", "ExitCode")
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        assert container["name"] == "tensorflow"
        assert container["ports"] == [{"name": "tfjob-port", "containerPort": 2222}]
        # The operator writes it; ours would stand beside it.
        assert "env" not in container
        # The image's entry point stays.
        assert "command" not in container
        (mount,) = container["volumeMounts"]
        assert_trains(container["args"], mount["mountPath"])


@pytest.mark.parametrize("name", ["asynchronous", "synchronous"])
def test_job_mounts_the_claim(name, request):
    claim = load("kubernetes/storage.yaml")
    assert (claim["apiVersion"], claim["kind"]) == ("v1", "PersistentVolumeClaim")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    for spec in request.getfixturevalue(name)["spec"]["tfReplicaSpecs"].values():
        (volume,) = spec["template"]["spec"]["volumes"]
        (container,) = spec["template"]["spec"]["containers"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
        assert volume["name"] == container["volumeMounts"][0]["name"]


def test_image_copies_what_the_build_needs():
    """Every COPY source exists; tini is number 1; the versions are pyproject's."""
    text = (DEPLOY / "Dockerfile").read_text()
    sources = [
        s for line in re.findall(r"^COPY (.+)$", text, re.M) for s in line.split()[:-1]
    ]
    assert {"setup.py", "pyproject.toml", "protos", "od_api"} <= set(sources)
    for source in sources:
        assert (DEPLOY.parent / source).exists(), source
    assert 'ENTRYPOINT ["tini", "--"]' in text
    (versions,) = re.findall(r'"\$\{TENSORFLOW\}(.+?)"', text)
    assert f'"tensorflow{versions}"' in (DEPLOY.parent / "pyproject.toml").read_text()


def test_guide_names_every_file():
    """docs/distributed.md tells of each file here, and its TF_CONFIGs are read;
    docs/serving.md of those in serving/."""
    guide = (DEPLOY.parent / "docs" / "distributed.md").read_text()
    of_servers = (DEPLOY.parent / "docs" / "serving.md").read_text()
    for path in DEPLOY.rglob("*"):
        if path.is_file():
            page = of_servers if path.parent.name == "serving" else guide
            assert str(path.relative_to(DEPLOY.parent)) in page
    examples = re.findall(r"TF_CONFIG='(.+?)'", guide, re.S)
    assert len(examples) >= 2
    for text in examples:
        assert read_cluster({"TF_CONFIG": text}) is not None


def test_guide_commands_are_ours():
    """Every `od-api ...` line of the guide parses; continued lines are joined."""
    guide = (DEPLOY.parent / "docs" / "distributed.md").read_text().replace("\\\n", "")
    lines = re.findall(r"^od-api .+$", guide, re.M)
    assert len(lines) >= 4
    for line in lines:
        args = cli._parser().parse_args(line.split("#")[0].split()[1:])
        if args.command == "cluster":
            command = [a for a in args.train_command if a != "--"]
            if command[0] == "od-api":
                cli._parser().parse_args(command[1:])


@pytest.fixture(scope="module")
def server():
    (service,) = load("serving/docker-compose.yml")["services"].values()
    return service


def test_server_has_the_folder_and_the_name_of_an_export(server):
    """`exported/serving/detector/1`; the image's start script reads MODEL_NAME and
    takes /models/$MODEL_NAME; the version is the one of the page."""
    page = (DEPLOY.parent / "docs" / "serving.md").read_text()
    assert re.findall("tensorflow/serving:([0-9.]+)", page) == [
        server["image"].partition(":")[2]
    ]
    name = server["environment"]["MODEL_NAME"]
    source, target, rights = server["volumes"][0].rsplit(":", 2)
    assert source.startswith("${OD_API_EXPORT:?") and rights == "ro"
    assert (source.endswith(f"}}/serving/{name}"), target) == (True, f"/models/{name}")
    args = cli._parser().parse_args(["export", "a.config", "run", "exported"])
    assert args.name == name
    ports = [port.rpartition(":")[2] for port in server["ports"]]
    assert ports == ["8500", "8501"]
    assert all(p.startswith("${OD_API_ADDRESS:-127.0.0.1}:") for p in server["ports"])


def test_server_puts_requests_together_and_warms_up(server):
    """Flags of tensorflow_model_server; the file is mounted where they say, and has the
    fields of its BatchingParameters, each a wrapped number."""
    flags = dict(flag.removeprefix("--").split("=") for flag in server["command"])
    assert flags["enable_batching"] == flags["enable_model_warmup"] == "true"
    source, target, _ = server["volumes"][1].split(":")
    assert flags["batching_parameters_file"] == target
    text = (DEPLOY / "serving" / source).read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    rows = [re.fullmatch(r"(\w+) \{ value: (\d+) \}", line).groups() for line in lines]
    assert {name for name, value in rows if int(value) > 0} == {
        *("max_batch_size", "batch_timeout_micros"),
        *("num_batch_threads", "max_enqueued_batches"),
    }


@pytest.mark.parametrize(("state", "status"), [("AVAILABLE", 0), ("LOADING", 1)])
def test_server_is_healthy_when_its_model_is_there(server, state, status):
    """The command, run against a server of another port."""
    kind, *command = server["healthcheck"]["test"]
    assert kind == "CMD"
    models = types.SimpleNamespace(status=lambda name, _: {1: state})
    with model_server.rest_server(models) as url:
        port = url.rpartition(":")[2]
        asked = [word.replace("8501", port) for word in command]
        assert subprocess.run(asked, timeout=30).returncode == status
