"""TF_CONFIG: what it says, and what is wrong with it."""

import json

import pytest

from od_api import cli
from od_api.core.errors import UserError
from od_api.training.tf_config import read_cluster

_SERVERS = {"chief": ["a:1"], "worker": ["b:1", "b:2"], "ps": ["c:1"]}


def read(cluster, **task):
    config = {"cluster": cluster, "task": task}
    return read_cluster({"TF_CONFIG": json.dumps(config)})


def test_nothing_without_a_cluster():
    assert read_cluster({}) is None
    assert read_cluster({"TF_CONFIG": "{}"}) is None
    assert read_cluster({"TF_CONFIG": '{"cluster": {}}'}) is None


def test_roles_of_an_asynchronous_cluster():
    worker = read(_SERVERS, type="worker", index=1)
    assert worker.has_parameter_servers and not worker.trains_in_step
    assert not worker.is_chief
    assert read(_SERVERS, type="chief").is_chief
    assert worker.addresses("worker", "ps") == {
        "worker 0": "b:1",
        "worker 1": "b:2",
        "ps 0": "c:1",
    }
    assert set(worker.others()) == {"chief 0", "worker 0", "ps 0"}


def test_worker_0_is_chief_where_there_is_none():
    workers = {"worker": ["a:1", "b:1"]}
    assert read(workers, type="worker", index=0).is_chief
    assert not read(workers, type="worker", index=1).is_chief
    assert read(workers, type="worker", index=1).trains_in_step
    assert not read({"worker": ["a:1"]}, type="worker", index=0).trains_in_step


def test_an_evaluator_is_not_listed():
    assert read(_SERVERS, type="evaluator").task_type == "evaluator"


def test_master_is_an_old_name_of_chief():
    cluster = read({"master": ["a:1"], "worker": ["b:1"]}, type="master")
    assert cluster.is_chief and cluster.jobs["chief"] == ["a:1"]


@pytest.mark.parametrize(
    ("cluster", "task", "says"),
    [
        ({"workers": ["a:1"]}, {"type": "worker"}, "did you mean worker"),
        (_SERVERS, {"type": "cheif"}, "did you mean chief"),
        (_SERVERS, {"type": "worker", "index": 2}, "worker 2, but the cluster has 2"),
        (_SERVERS, {}, 'has no "task"|task'),
        ({"worker": ["a"]}, {"type": "worker"}, "write host:port"),
        ({"worker": ["a:1", "a:1"]}, {"type": "worker"}, "address of two tasks"),
        ({"worker": ["a:1"], "ps": ["b:1"]}, {"type": "ps"}, "exactly one chief"),
        ({"chief": ["a:1"], "ps": ["b:1"]}, {"type": "ps"}, "needs workers"),
    ],
)
def test_mistakes_are_named(cluster, task, says):
    with pytest.raises(UserError, match=says):
        read(cluster, **task)


WORKER = '{"worker": ["a:1", "b:1"]}'


def text(cluster=WORKER, task='{"type": "worker", "index": 0}'):
    return f'{{"cluster": {cluster}, "task": {task}}}'


MALFORMED = {
    "not JSON": ("{cluster}", "TF_CONFIG:1:2: the description of the cluster is no"),
    "cut short": (text()[:30], "TF_CONFIG:1:.*no JSON"),
    "nested": ("[" * 100_000, "TF_CONFIG: the description .* nested too deeply"),
    "5,000 digits": (text(task=f'{{"index": {"9" * 5000}}}'), "TF_CONFIG: the descr"),
    "a list": ("[1]", r"TF_CONFIG: the whole is \[1\]: write an object"),
    "a number": ("7", "TF_CONFIG: the whole is 7"),
    "null": ("null", "TF_CONFIG: the whole is null"),
    "text": ('"chief"', "TF_CONFIG: the whole is 'chief'"),
    "cluster null": (text("null"), 'TF_CONFIG: "cluster" is null: write an object'),
    "cluster a list": (text('["a:1"]'), '"cluster" is '),
    "cluster text": (text('"a:1"'), '"cluster" is '),
    "cluster true": (text("true"), '"cluster" is true'),
    "job a number": (text('{"worker": 3}'), "\"cluster\", 'worker' is 3: write a list"),
    "job null": (text('{"worker": null}'), "'worker' is null: write a list"),
    "job by number": (text('{"worker": {"0": "a:1"}}'), "write a list"),
    "a job too many": (text('{"master": ["a:1"], "chief": ["b:1"]}'), "keep one"),
    "unknown job": (text('{"": ["a:1"]}'), "\"cluster\" has ''; valid names: chief"),
    "address a number": (text('{"worker": [2222]}'), r"'worker'\[0\] is 2222: write"),
    "address null": (text('{"worker": ["a:1", null]}'), r"'worker'\[1\] is null"),
    "address a list": (text('{"worker": [["a:1"]]}'), r"'worker'\[0\] is \['a:1'\]"),
    "no port": (text('{"worker": ["a"]}'), "is 'a': write host:port"),
    "empty port": (text('{"worker": ["a:"]}'), "a port is a number from 1 to 65535"),
    "no host": (text('{"worker": [":1"]}'), "is ':1': write host:port"),
    "port 0": (text('{"worker": ["a:0"]}'), "is 'a:0': a port is a number from 1"),
    "port 65536": (text('{"worker": ["a:65536"]}'), "a port is a number from 1 to"),
    "port 99999": (text('{"worker": ["a:99999"]}'), "a port is a number from 1 to"),
    "port -1": (text('{"worker": ["a:-1"]}'), "a port is a number from 1 to"),
    "port in words": (text('{"worker": ["a:http"]}'), "a port is a number from 1 to"),
    "port of one kind": (text('{"worker": ["a:\u00b2"]}'), "a port is a number from"),
    "a long port": (text(f'{{"worker": ["a:{"1" * 5000}"]}}'), "1111[.]{3}: a port is"),
    "IPv6": (text('{"worker": ["::1:2222"]}'), r"in brackets, \[::1\]:2222"),
    "IPv6, almost": (text('{"worker": ["[::g]:2222"]}'), "is no address of IPv6"),
    "spaces": (text('{"worker": [" a:1"]}'), "is ' a:1': write host:port"),
    "a space": (text('{"worker": ["a b:1"]}'), "is 'a b:1': write host:port"),
    "an escape": (text(r'{"worker": ["\u001b]0;x:1"]}'), r"is '\\x1b\]0;x:1': write"),
    "a scheme": (text('{"worker": ["grpc://a:1"]}'), "write host:port"),
    "no tasks": (text('{"worker": []}'), "task is worker 0, but the cluster has 0"),
    "nobody": (text('{"ps": [], "worker": []}', '{"type": "evaluator"}'), "neither"),
    "two chiefs": (
        text('{"chief": ["a:1", "b:1"]}', '{"type": "chief"}'),
        "exactly one chief, not 2",
    ),
    "task missing": ('{"cluster": {"worker": ["a:1"]}}', 'has no "task"'),
    "task null": (text(task="null"), 'TF_CONFIG: "task" is null: write an object'),
    "task text": (text(task='"worker"'), "\"task\" is 'worker': write an object"),
    "task a list": (text(task='["worker", 0]'), '"task" is '),
    "no type": (text(task='{"index": 0}'), '"task" has no "type"'),
    "type null": (text(task='{"type": null}'), '"task" has type null; write text'),
    "type a list": (text(task='{"type": ["worker"]}'), '"task" has type '),
    "type a number": (text(task='{"type": 1}'), '"task" has type 1; write text'),
    "type in capitals": (text(task='{"type": "Worker"}'), "did you mean worker"),
    "index text": (text(task='{"type": "worker", "index": "0"}'), "has index '0': wri"),
    "index null": (text(task='{"type": "worker", "index": null}'), "has index null"),
    "index true": (text(task='{"type": "worker", "index": true}'), "has index true"),
    "index 1.0": (text(task='{"type": "worker", "index": 1.0}'), "has index 1.0: writ"),
    "index NaN": (text(task='{"type": "worker", "index": NaN}'), "has index nan: wri"),
    "index a list": (text(task='{"type": "worker", "index": [0]}'), "has index "),
    "index -1": (text(task='{"type": "worker", "index": -1}'), "task is worker -1, bu"),
    "index 2": (text(task='{"type": "worker", "index": 2}'), "the cluster has 2 of"),
    "index 10^40": (text(task=f'{{"type": "worker", "index": {10**40}}}'), "has 2 of"),
    "evaluator -1": (text(task='{"type": "evaluator", "index": -1}'), "evaluator -1"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name):
    """One message that names TF_CONFIG and the piece."""
    value, says = MALFORMED[name]
    with pytest.raises(UserError, match=says) as error:
        read_cluster({"TF_CONFIG": value})
    assert "TF_CONFIG" in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize("name", ["index text", "port 0", "nested", "an escape"])
def test_malformed_at_the_command_line(name, monkeypatch, capsys, tmp_path):
    """Status 2, whoever reads it."""
    config = tmp_path / "pipeline.config"
    config.write_text("model { ssd { num_classes: 1 } }")
    monkeypatch.setenv("TF_CONFIG", MALFORMED[name][0])
    assert cli.main(["train", str(config), str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert error.count("error:") == 1
    assert "TF_CONFIG" in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "address", ["a:1", "a:65535", "[::1]:2222", "10.0.0.1:02222", "my-host.x_y:1"]
)
def test_addresses(address):
    cluster = read({"worker": [address]}, type="worker", index=0)
    assert cluster.jobs["worker"] == [address]
    assert cluster.own_address == address
    assert read({"worker": address}, type="evaluator").own_address is None
