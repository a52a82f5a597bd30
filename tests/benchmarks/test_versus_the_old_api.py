"""The comparison's own logic: turns, errors, what is done already, and the table.

The two sides are small programs here, without TensorFlow.
"""

import json
import pathlib
import sys

import onnx
import openvino
import pytest

FOLDER = pathlib.Path(__file__).parents[2] / "benchmarks" / "versus_the_old_api"
# Each round is noted in a file, to see the order in which they came.
WORK = """
def ours(settings):
    yield {"found": 3}
    while True:
        with open(settings["notes"], "a") as file:
            file.write("ours ")
        yield {"seconds": [1.0, 2.0, 3.0]}

def old(settings):
    if settings["broken"]:
        print("not for the answers")
        raise RuntimeError("no such thing")
    yield {"found": 3}
    while True:
        with open(settings["notes"], "a") as file:
            file.write("old ")
        yield {"seconds": [4.0, 5.0, 6.0]}
"""


@pytest.fixture
def parts(monkeypatch):
    """The modules of the comparison, which are not of a package."""
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("calls", "configs", "engine_exporting", "engine_parts", "engines")
    names += ("inference", "processes", "rounds", "table", "tasks", "timing", "traces")
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    yield {name: __import__(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def measured(parts, tmp_path):
    """(settings, fresh=...) -> (result of the task, order of the rounds)."""
    (tmp_path / "toy.py").write_text(WORK)
    sides = [
        parts["processes"].Side(name, sys.executable, tmp_path, tmp_path / "logs")
        for name in ("ours", "old")
    ]
    quantity = parts["tasks"].Quantity("seconds", "toy", "ms", 2.0)
    notes = tmp_path / "notes"

    def run(fresh=False, broken=False, steps=(), profile=""):
        settings = {"broken": broken, "notes": str(notes)}
        task = parts["tasks"].Task(
            "toy", "toy", settings, [quantity], steps, fresh, profile
        )
        result = parts["rounds"].measure(task, sides, 2, say=lambda line: None)
        # It must survive being written.
        return json.loads(json.dumps(result)), notes.read_text().split()

    return run


@pytest.mark.parametrize("fresh", [False, True])
def test_the_sides_take_turns(measured, fresh):
    result, order = measured(fresh=fresh)
    assert order == ["ours", "old", "ours", "old"]
    assert result["values"]["seconds"]["ours"] == [[1.0, 2.0, 3.0]] * 2
    assert result["facts"] == {"ours": {"found": 3}, "old": {"found": 3}}
    assert [len(rounds) for rounds in result["load_average"].values()] == [2, 2]
    summary = result["summary"]["seconds"]
    assert summary["ratio"] == 2.5 and summary["ratio_by_round"] == [2.5, 2.5]


def test_a_side_that_fails_does_not_stop_the_other(measured):
    result, order = measured(broken=True)
    assert order == ["ours", "ours"]
    assert list(result["errors"]) == ["old"]
    assert "RuntimeError: no such thing" in result["errors"]["old"]
    assert "ratio" not in result["summary"]["seconds"]


def test_a_profile_is_of_a_round_after_all_others(measured, tmp_path):
    (tmp_path / "looked.py").write_text(
        "import toy\n"
        "def _looked(rounds):\n"
        "    yield next(rounds)\n"
        "    next(rounds)\n"
        "    yield {'nearly all': 0.99912, 'the rest': 0.00088}\n"
        "def ours(settings):\n"
        "    assert settings['of'] == 'toy'\n"
        "    yield from _looked(toy.ours(settings))\n"
        "def old(settings):\n"
        "    raise RuntimeError('no profile')\n"
    )
    result, order = measured(profile="looked")
    assert order == ["ours", "old", "ours", "old", "ours"]
    assert result["profile"] == {"ours": {"nearly all": 0.9991}}
    assert "RuntimeError: no profile" in result["errors"]["old"]
    assert result["summary"]["seconds"]["ratio"] == 2.5


def test_time_of_events_without_those_inside(parts):
    events = [
        (0, 10, "a/loop:While"),
        (1, 4, "a/mul:Mul"),
        (2, 1, "b/mul:Mul"),
        (6, 3, "a/mul:Mul"),
        (10, 5, "Iterator::Map"),
    ]
    times = parts["traces"].own_times(events)
    assert times == {
        "a/loop:While": 3,
        "a/mul:Mul": 6,
        "b/mul:Mul": 1,
        "Iterator::Map": 5,
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a/conv:_FusedConv2D", "_FusedConv2D"),
        ("resize:ResizeBilinear#id=3#", "ResizeBilinear"),
        ("Iterator::Map", None),
        ("EagerExecute: Mul", None),
        ("rate_of_multiplication:MatMul", None),
    ],
)
def test_kinds_of_operations(parts, name, kind):
    assert parts["traces"].kind_of(name) == kind


def test_time_of_a_packages_functions(parts, tmp_path):
    import cProfile
    import importlib.util
    import pstats

    path = tmp_path / "mine" / "work.py"
    path.parent.mkdir()
    path.write_text(
        "def outer():\n    return inner() + inner()\n"
        "def inner():\n    return sum(range(100_000))\n"
    )
    spec = importlib.util.spec_from_file_location("work", path)
    work = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(work)
    with cProfile.Profile() as profile:
        work.outer()
    shares = parts["calls"].shares(pstats.Stats(profile), [str(path.parent)])
    assert list(shares) == ["work.outer", "work.inner"]
    assert 0.5 < shares["work.inner"] <= shares["work.outer"] <= 1


def test_steps_are_done_once(parts, measured, tmp_path):
    notes = str(tmp_path / "notes")
    settings = {"broken": False, "notes": notes}
    step = parts["tasks"].Step
    missing = step("toy", "ours", settings, tmp_path / "missing")
    there = step("toy", "old", settings, pathlib.Path(notes))
    _, order = measured(steps=(missing, there))
    assert order == ["ours", "ours", "old", "ours", "old"]


def test_a_process_that_ends_without_a_word(parts, tmp_path):
    (tmp_path / "toy.py").write_text(
        "import os, sys\ndef ours(_):\n  sys.stderr.write('gone'); os._exit(7)\n"
    )
    make = parts["processes"].Side
    side = make("ours", sys.executable, tmp_path, tmp_path / "logs")
    with pytest.raises(
        parts["processes"].SideError, match="gone\nthe process ended with 7"
    ):
        side.start("toy", {})


def test_the_table(parts):
    def task(label, unit, target, **summary):
        return {
            "quantities": [
                {"key": "k", "label": label, "unit": unit, "target": target}
            ],
            "facts": {"ours": {"boxes": 3}, "old": {"boxes": 4}},
            "load_average": {"ours": [[0.5, 1.5]], "old": [[1.0, 1.0]]},
            "errors": {},
            "summary": {"k": summary},
            "profile": {"ours": {"Conv2D": 0.6, "Sub": 0.25, "Sum": 0.02}},
        }

    def spread(low, middle, high):
        return {"p10": low, "median": middle, "p90": high}

    alone = {"ours": spread(0.001, 0.002, 0.003)}
    fast = {"ours": spread(0.01, 0.02, 0.04), "old": spread(0.1, 0.1, 0.1)}
    slow = {"ours": spread(2**30, 2**30, 2**30), "old": spread(2**29, 2**29, 2**29)}
    broken = {**task("c", "s", 2.0), "errors": {"old": "Traceback\nError: a | b"}}
    tasks = {
        "one": task("a", "images/s", 4.0, **fast, ratio=5.0),
        "two": task("b", "MB", 2.0, **slow, ratio=0.5),
        "three": broken,
        "four": task("d", "ms", None, **alone),
    }
    machine = {"cpu": "a processor", "cores": 2}
    versions = {"ours": {"python": "3.11"}, "old": {"python": "3.11"}}
    made = parts["table"].markdown(
        {"machine": machine, "versions": versions, "tasks": tasks}
    )
    row = "| a | 50.0 images/s (25.0 to 100) | 10.0 images/s (10.0 to 10.0) | 5.00 |"
    assert f"{row} 4 | yes |" in made
    assert (
        "| b | 1024 MB (1024 to 1024) | 512 MB (512 to 512) | 0.50 | 2 | no |" in made
    )
    assert "| c | failed | failed | - | 2 | - |" in made
    assert "| d | 2.00 ms (1.00 to 3.00) | - | - | - | - |" in made
    assert "| three | old | Error: a \\| b |" in made
    assert "2 cores, load average 0.5 to 1.5" in made
    assert "| one | boxes | 3 | 4 |" in made
    assert "| one | ours | Conv2D 60 %, Sub 25 % |" in made


@pytest.mark.parametrize("record", ["versus_the_old_api", "engines"])
def test_the_page_shows_the_result_as_it_is(parts, record):
    result = json.loads((FOLDER.parent / f"{record}.json").read_text())
    page = FOLDER.parents[1] / "docs" / "speed.md"
    assert parts["table"].markdown(result) in page.read_text()


def test_other_engines(parts, tmp_path):
    """With targets by precision, the network alone where there is one stage, and
    OpenVINO's of all sizes."""
    made = parts["tasks"].all_tasks(tmp_path, 1.0, bfloat16=False)
    found = {task.name: task for task in made if task.module == "engines"}
    ssd = found["engines_ssd_mobilenet_v1_300_openvino_float32"]
    assert [(q.key, q.target) for q in ssd.quantities] == [
        ("seconds", 2.5),
        ("bare_seconds", None),
        ("open_seconds", None),
    ]
    assert ssd.steps[-1].made.name == "openvino_float32"
    two = found["engines_faster_rcnn_resnet101_640_300_proposals_openvino_int8"]
    assert [q.target for q in two.quantities] == [3.0, None]
    assert two.steps[-1].made.name == "openvino_int8"
    assert len(found) == 9 and not any("bfloat16" in name for name in found)


@pytest.mark.parametrize("model_format, kind", [("onnx", "Cast"), ("openvino", None)])
def test_where_an_engine_spends_its_time(parts, tmp_path, model_format, kind):
    """A model that only makes floats of pixels; OpenVINO's kinds are its own."""
    settings = {"format": model_format, "precision": "float32", "side": 32}
    folder = tmp_path / "ours" / f"{model_format}_float32"
    folder.mkdir(parents=True)
    types = onnx.TensorProto
    pixels = onnx.helper.make_tensor_value_info(
        "input_tensor", types.UINT8, ["n", "h", "w", 3]
    )
    floats = onnx.helper.make_tensor_value_info("floats", types.FLOAT, None)
    cast = onnx.helper.make_node("Cast", ["input_tensor"], ["floats"], to=types.FLOAT)
    graph = onnx.helper.make_graph([cast], "cast", [pixels], [floats])
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9
    )
    onnx.save(model, folder / "model.onnx")
    openvino.save_model(
        openvino.convert_model(folder / "model.onnx"), folder / "model.xml"
    )
    rounds = parts["engine_parts"].ours({**settings, "folder": str(tmp_path)})
    assert next(rounds) == {}
    shares = next(rounds)
    assert sum(shares.values()) == pytest.approx(1)
    assert kind is None or set(shares) == {kind}


def test_configs_are_made_of_the_shipped_ones(parts, tmp_path):
    from google.protobuf import text_format

    from od_api.protos import pipeline_pb2

    for network in parts["configs"].NETWORKS:
        text = parts["configs"].text(network, data=tmp_path, batch_size=3)
        config = text_format.Parse(text, pipeline_pb2.TrainEvalPipelineConfig())
        settings = config.train_config
        assert settings.batch_size == 3 and not settings.fine_tune_checkpoint
        assert not settings.optimizer.use_moving_average
        paths = config.train_input_reader.tf_record_input_reader.input_path
        assert list(paths) == [f"{tmp_path}/scenes.record-*"]
    assert config.model.faster_rcnn.first_stage_max_proposals == 10
