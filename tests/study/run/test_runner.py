"""A study run in small: its stages, what is cached, what fails, what is shared out."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest
import tiny_study

from od_api import cli
from od_api.core.errors import UserError
from od_api.study.run import on_ray
from od_api.study.run.cache import StageCache, key_of
from od_api.study.run.run_settings import RunSettings
from od_api.study.run.runner import (
    Event,
    Runner,
    cells_to_run,
    groups_of,
    parse_shard,
    shard_of,
)
from od_api.study.run.stages import load_study

CONFIGS = pathlib.Path(__file__).parents[3] / "configs" / "study"
CELL = "ssd_mobilenet_v1_96"
OPTIONS = ["--num-images", "3", "--warm-up", "1", "--batch-sizes", "2"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """(grid, results) of a run that was killed after training, and resumed.

    The runner gets SIGKILL when the training is recorded; its child must not live on.
    """
    folder = tmp_path_factory.mktemp("study")
    grid, results = tiny_study.write_grid(folder), folder / "results"
    command = [sys.executable, "-m", "od_api.cli", "study", "run", str(grid)]
    first = subprocess.Popen([*command, str(results), *OPTIONS])
    try:
        done = _wait_for(lambda: list(results.glob("trained/*/stages/train.json")))
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    before = done[0].stat().st_mtime_ns
    _wait_for(lambda: not _children_of(results))
    assert cli.main(["study", "run", str(grid), "--out", str(results), *OPTIONS]) == 0
    assert done[0].stat().st_mtime_ns == before, "trained again"
    return grid, results


def _wait_for(condition, seconds=600):
    """What `condition` returns once it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.2)
    pytest.fail("waited for too long")


def _children_of(results):
    """Processes of stages whose folder is inside `results`, by their open log."""
    found = []
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/1"):
        try:
            if os.readlink(link).startswith(str(results)):
                found.append(link)
        except OSError:
            continue
    return found


@pytest.mark.slow
def test_every_block_of_a_result_is_there(finished):
    result = tiny_study.result_of(finished[1], CELL)
    assert result["error"] is None
    assert result["cell"]["meta_architecture"] == "ssd"
    assert result["cell"]["precision"] == "FLOAT32"
    assert result["cell"]["num_proposals"] is None
    assert set(result["per_class"]) == {"circle", "square", "triangle", "star", "cross"}
    assert "DetectionBoxes_Precision/mAP@.75IOU" in result["accuracy"]
    latency = result["latency"]
    assert (latency["images"], latency["warm_up"]) == (3, 1)
    assert 0 < latency["median_ms"] <= latency["p90_ms"] <= latency["p99_ms"]
    assert [row["batch_size"] for row in result["throughput"]] == [2]
    assert result["parameters"] > 100_000
    assert result["multiply_adds"] == 9_074_560
    assert result["peak_memory_bytes"] > 1e6
    assert result["peak_memory_kind"] in ("resident set", "gpu allocator")
    assert result["saved_model_bytes"] > 4 * result["parameters"]
    assert result["machine"]["cores"] >= 1 and result["machine"]["cpu"]
    assert set(result["stage_seconds"]) == {
        "train", "export", "evaluate", "time", "count"
    }  # fmt: skip


@pytest.mark.slow
def test_coco_files_belong_together(finished):
    results = finished[1]
    truth = json.loads((results / "groundtruth.json").read_text())
    found = json.loads((results / CELL / "detections.json").read_text())
    assert len(truth["images"]) == 3 and truth["annotations"]
    assert {d["image_id"] for d in found} <= {i["id"] for i in truth["images"]}


@pytest.mark.slow
def test_a_second_run_does_nothing(finished, capsys, monkeypatch):
    grid, results = finished
    files = {p: p.stat().st_mtime_ns for p in results.rglob("stages/*.json")}
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process"))
    assert cli.main(["study", "run", str(grid), str(results), *OPTIONS]) == 0
    assert files == {p: p.stat().st_mtime_ns for p in results.rglob("stages/*.json")}
    assert "1 of 1 cells done" in capsys.readouterr().out


@pytest.mark.slow
def test_a_setting_redoes_what_depends_on_it_and_no_more(finished):
    """More images are timed anew; another learning rate changes everything."""
    grid, results = finished
    settings = RunSettings(
        str(grid), str(results), num_images=3, warm_up=1, batch_sizes=(2,)
    )

    def to_do(**changes):
        return load_study(settings._replace(**changes))[CELL].to_do()

    assert to_do() == ()
    assert to_do(num_images=4) == ("time",)
    assert to_do(batch_sizes=(4,)) == ("time",)
    assert to_do(overrides=("eval_config.batch_size=1",)) == ()
    everything = ("train", "export", "evaluate", "time", "count")
    assert to_do(overrides=("train_config.num_steps=3",)) == everything
    threshold = "model.ssd.post_processing.batch_non_max_suppression.iou_threshold=0.6"
    # Part of the model, and of what is trained for all that the key knows.
    assert to_do(overrides=(threshold,)) == everything


@pytest.mark.slow
def test_models_and_detections_that_exist(finished, tmp_path):
    """The exported model and its results, taken by a run that may not train."""
    grid, results = finished
    models = tmp_path / "models" / CELL
    models.mkdir(parents=True)
    (models / "saved_model").symlink_to(results / CELL / "export" / "saved_model")
    detections = tmp_path / "detections"
    detections.mkdir()
    (detections / f"{CELL}.json").symlink_to(results / CELL / "detections.json")
    other = tmp_path / "results"
    arguments = ["study", "run", str(grid), str(other), "--stages", "export,evaluate"]
    arguments += ["--models", str(models.parent), "--detections", str(detections)]
    assert cli.main([*arguments, *OPTIONS]) == 0
    before, after = (tiny_study.result_of(r, CELL) for r in (results, other))
    for block in ("accuracy", "per_class"):
        assert after[block] == before[block]
    assert set(after["stage_seconds"]) == {"export", "evaluate"}
    assert not (other / "trained").exists()


def test_a_failing_cell_is_recorded_and_the_rest_goes_on(tmp_path, monkeypatch):
    """The process of the first cell fails in training; that of the third is killed."""
    grid = tiny_study.write_grid(
        tmp_path, tiny_study.GRID.replace("[96]", "[96, 97, 98]")
    )
    script = (
        "import json, os, sys\n"
        "name, stages = sys.argv[1:]\n"
        "events = os.fdopen(int(os.environ['OD_API_STUDY_EVENTS']), 'w')\n"
        "say = lambda **e: print(json.dumps(e), file=events, flush=True)\n"
        "from od_api.study.run.run_settings import RunSettings\n"
        "from od_api.study.run.stages import load_study\n"
        "settings = RunSettings.from_json(sys.stdin.readline())\n"
        "for stage in stages.split(','):\n"
        "    say(stage=stage)\n"
        "    if name.endswith('96'):\n"
        "        say(stage=stage, error='no good')\n"
        "        sys.exit(1)\n"
        "    if name.endswith('98') and stage == 'export':\n"
        "        os.kill(os.getpid(), 9)\n"
        "    cell = load_study(settings)[name]\n"
        "    cell.exported.mkdir(parents=True, exist_ok=True)\n"
        "    cell.finish(stage, 1.0, {stage: 'made'})\n"
        "    say(stage=stage, done=True)\n"
    )
    replaced = tmp_path / "stand_in.py"
    replaced.write_text(script)
    monkeypatch.setattr(
        "od_api.study.run.runner.COMMAND", (sys.executable, str(replaced))
    )
    results, events = tmp_path / "results", []
    settings = RunSettings(str(grid), str(results))
    runner = Runner(settings, events.append)
    errors = runner.run(cells_to_run(runner.study))
    first, second, third = errors
    assert errors[first] == {"stage": "train", "message": "no good"}
    assert errors[second] is None
    assert errors[third]["stage"] == "export" and "SIGKILL" in errors[third]["message"]
    for name, error in errors.items():
        assert tiny_study.result_of(results, name)["error"] == error
    assert tiny_study.result_of(results, third)["train"] == "made"
    states = [(e.cell, e.stage, e.state) for e in events]
    assert (first, "train", "failed") in states
    assert (second, "count", "done") in states
    # The failures are tried again, the rest is not.
    again = Runner(settings)
    assert again.study[first].to_do()[0] == "train"
    assert again.study[second].to_do() == ()
    assert again.study[third].to_do()[0] == "export"


def test_a_cell_whose_config_is_wrong_is_recorded(tmp_path):
    """A setting that no config has, and a result file that is not there."""
    grid, results = tiny_study.write_grid(tmp_path), tmp_path / "results"
    settings = RunSettings(str(grid), str(results), overrides=("model.yolo=3",))
    error = Runner(settings).run([CELL])[CELL]
    assert error["stage"] == "train" and "yolo" in error["message"]
    result = tiny_study.result_of(results, CELL)
    assert result["error"] == error and result["cell"]["precision"] is None
    settings = RunSettings(
        str(grid), str(results), stages=("evaluate",), detections=str(tmp_path)
    )
    error = Runner(settings).run([CELL])[CELL]
    assert error["stage"] == "evaluate" and f"{CELL}.json" in error["message"]


def test_exit_status_of_a_run_with_a_failure(tmp_path, monkeypatch, capsys):
    grid = tiny_study.write_grid(tmp_path)
    error = {"stage": "time", "message": "x"}
    monkeypatch.setattr(Runner, "run", lambda _, names: dict.fromkeys(names, error))
    assert cli.main(["study", "run", str(grid), str(tmp_path / "r")]) == 1
    assert f"{CELL} failed in time: x" in capsys.readouterr().out


def test_shards_partition_the_grid_and_share_no_training():
    grid = str(CONFIGS / "huang_2017.grid")
    study = load_study(RunSettings(grid, "results"))
    shards = [cells_to_run(study, shard=(i, 8)) for i in range(1, 9)]
    assert sorted(name for shard in shards for name in shard) == sorted(study)
    models = [{study[n].cell.trained_name for n in shard} for shard in shards]
    assert sum(map(len, models)) == len(set.union(*models)) == 35
    assert cells_to_run(study) == [n for g in groups_of(study).values() for n in g]


def test_cells_are_chosen_by_patterns():
    study = load_study(RunSettings(str(CONFIGS / "huang_2017.grid"), "results"))
    chosen = cells_to_run(study, ["*_proposals300", "ssd_vgg16_300", "ssd_*"])
    assert len(chosen) == len(set(chosen)) == 35
    halves = [cells_to_run(study, ["*_proposals300"], (i, 2)) for i in (1, 2)]
    assert list(map(len, halves)) == [14, 14]
    with pytest.raises(UserError, match="no cell 'ssd_vgg19_300'"):
        cells_to_run(study, ["ssd_vgg19_300"])


def test_shards_by_hand():
    groups = {"a": ["a1", "a2"], "b": ["b1"], "c": ["c1"]}
    assert shard_of(groups, (1, 2)) == ["a1", "a2", "c1"]
    assert shard_of(groups, (2, 2)) == ["b1"]
    assert shard_of(groups, (4, 4)) == []
    assert parse_shard("2/8") == (2, 8)
    for text in ("0/8", "9/8", "2", "a/b", "-1/2"):
        with pytest.raises(UserError, match="a shard is i/n"):
            parse_shard(text)


def test_which_cells_are_measured_with_fewer_proposals():
    """Of the cells that share a model the one with most; not the single-stage ones."""
    study = load_study(RunSettings(str(CONFIGS / "huang_2017.grid"), "results"))
    name = "rfcn_resnet101_300_stride8_proposals"
    assert study[f"{name}300"].proposal_counts == (10, 20, 50, 100, 300)
    assert "proposals" in study[f"{name}300"].stages
    assert study[f"{name}100"].proposal_counts == ()
    assert "proposals" not in study[f"{name}100"].stages
    assert study["ssd_vgg16_300"].proposal_counts == ()
    keys = {study[f"{name}{n}"].key("train") for n in (10, 300)}
    assert len(keys) == 1
    assert study[f"{name}10"].key("export") != study[f"{name}300"].key("export")


def test_stages_bring_what_they_need():
    grid = str(CONFIGS / "small.grid")
    settings = RunSettings(grid, "results", stages=("count",))
    cell = next(iter(load_study(settings).values()))
    assert cell.stages == ("train", "export", "count")
    models = settings._replace(models="somewhere")
    assert next(iter(load_study(models).values())).stages == ("export", "count")


def test_random_weights_need_no_data_and_are_not_evaluated():
    settings = RunSettings(str(CONFIGS / "huang_2017.grid"), "r", random_weights=True)
    name = "faster_rcnn_resnet101_300_stride8_proposals300"
    cell = load_study(settings)[name]
    assert cell.stages == ("train", "export", "time", "proposals", "count")
    other = ("train_config.num_steps=7", "eval_input_reader.label_map_path=x")
    changed = load_study(settings._replace(overrides=other))[name]
    trained = load_study(settings._replace(random_weights=False))[name]
    for stage in cell.stages:
        assert changed.key(stage) == cell.key(stage) != trained.key(stage)
    assert RunSettings.from_json(settings.to_json()) == settings


def test_bad_arguments_are_named(tmp_path, capsys):
    grid = str(CONFIGS / "small.grid")
    for arguments, words in [
        (["r", "--stages", "train,tame"], "no stage 'tame'"),
        (["r", "--num-images", "0"], "1 or more"),
        (["r", "--models", "/no/where"], "/no/where: no such folder"),
        (["r", "--shard", "3/2"], "a shard is i/n"),
        (["r", "--cell", "ssd"], "no cell 'ssd'"),
        ([], "name one folder of results"),
        (["r", "--ray", "auto"], "pip install 'od-api[ray]'"),
    ]:
        assert cli.main(["study", "run", grid, *arguments]) == 2, arguments
        assert words in capsys.readouterr().err


def test_cache_takes_no_record_of_another_key(tmp_path):
    cache = StageCache(tmp_path / "stages")
    assert cache.get("train", "a") is None
    cache.put("train", "a", 1.5, {"x": 1})
    assert cache.get("train", "a") == {"key": "a", "seconds": 1.5, "result": {"x": 1}}
    assert cache.get("train", "b") is None
    (tmp_path / "stages" / "train.json").write_text("{half a rec")
    assert cache.get("train", "a") is None
    assert key_of(1, [2]) == key_of(1, [2]) != key_of(1, [3])


class StandInRay:
    """What on_ray uses of ray: tasks that run when somebody waits for them."""

    def __init__(self, fails=()):
        self.calls, self.fails = [], fails

    def init(self, address):
        self.calls.append(("init", address))
        if address == "nowhere:1":
            raise ConnectionError("refused")

    def remote(self, **resources):
        self.calls.append(("remote", resources))
        return lambda function: Task(function)

    def wait(self, pending, num_returns):
        return pending[-num_returns:], pending[:-num_returns]

    def get(self, reference):
        function, arguments = reference
        if set(arguments[1]) & set(self.fails):
            raise RuntimeError("node died")
        return function(*arguments)

    def shutdown(self):
        self.calls.append(("shutdown",))


class Task:
    def __init__(self, function):
        self._function = function

    def remote(self, settings, names):
        return self._function, (settings, tuple(names))


@pytest.fixture
def ray(monkeypatch):
    module = StandInRay()
    monkeypatch.setitem(sys.modules, "ray", module)
    return module


def test_ray_gets_one_task_a_trained_model(ray, tmp_path, monkeypatch):
    grid = tiny_study.write_grid(tmp_path, tiny_study.GRID.replace("[96]", "[96, 97]"))
    settings = RunSettings(str(grid), str(tmp_path / "results"))
    lost, kept = load_study(settings)
    ray.fails = (lost,)

    def run(self, names):
        for name in names:
            self.tell(Event(name, "train", "running"))
            self.tell(Event(name, "train", "done", 2.0))
        return dict.fromkeys(names)

    monkeypatch.setattr(Runner, "run", run)
    events = []
    errors = on_ray.run_on_ray(
        "auto", settings, [lost, kept], events.append, num_cpus=2, num_gpus=1
    )
    assert errors[kept] is None and "node died" in errors[lost]["message"]
    error = tiny_study.result_of(tmp_path / "results", lost)["error"]
    assert error == errors[lost]
    assert Event(kept, "train", "done", 2.0) in events
    assert [e.state for e in events if e.cell == lost] == ["failed"]
    assert ray.calls[0] == ("init", "auto") and ray.calls[-1] == ("shutdown",)
    assert ("remote", {"num_cpus": 2, "num_gpus": 1}) in ray.calls


def test_ray_cluster_that_does_not_answer(ray, tmp_path):
    settings = RunSettings(str(tiny_study.write_grid(tmp_path)), str(tmp_path / "r"))
    with pytest.raises(UserError, match="no Ray cluster answers at nowhere:1"):
        on_ray.run_on_ray("nowhere:1", settings, [], print, num_cpus=1, num_gpus=0)
