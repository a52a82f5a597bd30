"""What happens to a run when its parts die, get stuck or are missing.

Real processes are killed: two long runs, and what they went through is looked at row by
row.
"""

import json
import signal

import pytest
import tiny
from cluster_kit import ProcessCluster, running

from od_api.checkpoints import checkpoint
from od_api.checkpoints.checkpoint_files import numbered

pytestmark = pytest.mark.slow

_SETTINGS = [
    "train_config.log_every_n_steps=5",
    "train_config.checkpoint_every_n_steps=20",
    "train_config.startup_delay_steps=0",
    "train_config.worker_silence_seconds=4",
    "train_config.cluster_start_seconds=60",
]


def _command(folder, config, steps, *settings):
    sets = [f"--set={s}" for s in (*_SETTINGS, *settings)]
    train = ["-m", "od_api.cli", "train", str(config), str(folder / "model")]
    return [*train, f"--num-steps={steps}", *sets]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    return tiny.write_config(folder, tiny.make_data(folder))


@pytest.fixture(scope="module")
def workers_and_evaluator(tmp_path_factory, config):
    """A run of 200 steps whose workers and evaluator suffer; (folder, chief's log)."""
    folder = tmp_path_factory.mktemp("workers")
    command = _command(folder, config, 200)
    jobs = {"chief": 1, "worker": 2, "ps": 2, "evaluator": 1}
    with running(folder, command, **jobs) as cluster:
        cluster.wait_for("waiting for checkpoints", "evaluator")
        cluster.kill("evaluator")
        cluster.wait_for("step 10/200")
        cluster.kill("worker", 1)
        cluster.wait_for("is gone")
        cluster.kill("chief", number=signal.SIGSTOP)  # The run waits for the worker.
        cluster.start("worker", 1)
        cluster.wait_for_address("worker", 1)
        cluster.kill("chief", number=signal.SIGCONT)
        cluster.wait_for("worker 1 is back")
        cluster.kill("worker", 0, signal.SIGSTOP)
        cluster.wait_for("has finished no step", seconds=60)
        # The goals on the way, every 20 steps, are reached without it.
        cluster.wait_for("step 160/200")
        cluster.kill("worker", 0, signal.SIGCONT)
        cluster.wait_for("worker 0 is back")
        cluster.start("evaluator")
        assert cluster.wait() == 0, cluster.log()
        assert cluster.wait("evaluator") == 0, cluster.log("evaluator")
        return folder, cluster.log(), cluster.jobs["worker"]


def test_a_killed_worker_is_left_out_and_may_return(workers_and_evaluator):
    _, log, addresses = workers_and_evaluator
    assert f"worker 1 ({addresses[1]}) is gone" in log
    assert "worker 1 is back" in log


def test_a_stuck_worker_is_reported(workers_and_evaluator):
    _, log, addresses = workers_and_evaluator
    assert f"worker 0 ({addresses[0]}) has finished no step for" in log


def test_every_scheduled_step_counts_once_whatever_happens(workers_and_evaluator):
    folder, log, _ = workers_and_evaluator
    assert "training finished at step 200" in log
    assert checkpoint.latest(folder / "model").endswith("ckpt-200")


def test_the_evaluator_may_die_and_return(workers_and_evaluator):
    folder, _, _ = workers_and_evaluator
    lines = (folder / "model" / "eval_history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 200
    assert (folder / "model" / "best" / "best.json").exists()


@pytest.fixture(scope="module")
def chief_and_server(tmp_path_factory, config):
    """A run of 100 steps whose chief and a parameter server are killed."""
    folder = tmp_path_factory.mktemp("chief")
    jobs = {"chief": 1, "worker": 2, "ps": 2}
    with running(folder, _command(folder, config, 100), **jobs) as cluster:
        cluster.wait_for("step 30/100")
        cluster.kill("chief")
        cluster.start("chief")
        cluster.wait_for("resumed")
        cluster.wait_for("step 50/100")
        cluster.kill("ps", 1)
        status = cluster.wait()
        cluster.start("ps", 1)
        cluster.start("chief")
        final_status = cluster.wait()
        return folder, cluster.log(), cluster.jobs["ps"], (status, final_status)


def test_a_killed_chief_resumes(chief_and_server):
    _, log, _, _ = chief_and_server
    assert "ckpt-20" in log.split("resumed", 1)[1].splitlines()[0]


def test_a_lost_parameter_server_ends_training_with_one_message(chief_and_server):
    _, log, addresses, (status, _) = chief_and_server
    assert status == 2
    message = next(line for line in log.splitlines() if line.startswith("error:"))
    assert f"parameter server 1 ({addresses[1]}) is lost" in message
    assert "ckpt-40" in message


def test_the_run_goes_on_when_the_server_is_back(chief_and_server):
    folder, log, _, (_, final_status) = chief_and_server
    assert final_status == 0, log
    assert "ckpt-40" in log.split("resumed")[2].splitlines()[0]
    assert max(numbered(folder / "model")) == 100


def test_an_unreachable_address_fails_at_the_start(tmp_path, config):
    """The worker is never started."""
    command = _command(tmp_path, config, 10, "train_config.cluster_start_seconds=1")
    cluster = ProcessCluster(tmp_path, command, chief=1, worker=1, ps=1)
    try:
        cluster.start("ps")
        cluster.start("chief")
        assert cluster.wait() == 2
    finally:
        cluster.kill("ps")
    errors = [m for m in cluster.log().splitlines() if m.startswith("error:")]
    assert len(errors) == 1
    assert f"worker 0 ({cluster.jobs['worker'][0]})" in errors[0]
    assert not (tmp_path / "model").exists()
