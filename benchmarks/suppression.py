"""How long postprocessing takes, each form of suppression beside a named peer.

    python benchmarks/suppression.py --output benchmarks/suppression.json \
        --peer COMMIT_TREE [--engines PYTHON]

About five minutes on two cores. The peer is another state of this repository, in a
folder with its schema compiled: it runs in a process of its own, and in every round
first one and then the other is measured, so that what else the machine does hits them
alike. A ratio is the median over the rounds of (form's time / peer's time).

A call is the class-by-class suppression of one image, the boxes and scores of
`versus_the_old_api/postprocessing.py`: 1,917 and 51,150 anchors of 90 classes.
`--engines` is a Python with openvino; the static forms are saved, converted and run
there. With tf2onnx and onnxruntime in it, by ONNX Runtime, too. What an engine finds is
compared with what TensorFlow finds.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SIZES = (1917, 51150)
CLASSES = 90
CONFIG = """batch_non_max_suppression {
  score_threshold: 1e-8 max_detections_per_class: 100 max_total_detections: 100 %s
}"""
IOU = "iou_threshold: 0.6"
STATIC = "use_static_shapes: true max_candidates: 256"
PEER = "peer"
FORMS = {
    "greedy": CONFIG % IOU,
    "greedy, static": CONFIG % f"{IOU} use_static_shapes: true",
    "greedy, 256 candidates": CONFIG % f"{IOU} max_candidates: 256",
    "greedy, static, 256 candidates": CONFIG % f"{IOU} {STATIC}",
    "soft, sigma .5": CONFIG % "" + "suppression { soft_nms {} }",
    "soft, static, 256 candidates": CONFIG % STATIC + "suppression { soft_nms {} }",
    "fast, static": CONFIG % STATIC + "suppression { fast_nms {} }",
    "cluster, static": CONFIG % STATIC + "suppression { cluster_nms {} }",
    "weighted, static": CONFIG % STATIC + "suppression { weighted_nms {} }",
}
# All pairs of 51,150 boxes of 90 classes, or all of them in every round, are too many.
SMALL_ONLY = {"greedy, static"}
# Form: the sizes that it is run for in other engines.
IN_ENGINES = {
    "greedy, static, 256 candidates": SIZES,
    "fast, static": SIZES[:1],
    "cluster, static": SIZES[:1],
}
NAMES = ("boxes", "scores", "window")


def main():
    options = _options()
    if options.side:
        return _serve()
    results = {
        "machine": {
            "processor": platform.machine(),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
        "rounds": options.rounds,
        "classes": CLASSES,
        "peer": pathlib.Path(options.peer).name,
        "milliseconds and ratio to the peer": _measure(options),
    }
    if options.engines:
        results["engines"] = _engines(options)
    text = json.dumps(results, indent=2)
    print(text)
    if options.output:
        pathlib.Path(options.output).write_text(text + "\n")
    return None


def _options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", help="JSON file to write, beside printing")
    parser.add_argument("--peer", help="folder of another state of the repository")
    parser.add_argument("--engines", help="a Python with openvino")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--side", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _measure(options):
    """{size: {form: numbers}} of this tree and, first of all, of the peer's greedy."""
    sides = {PEER: _Side(options.peer), "ours": _Side(HERE.parent)}
    found = {}
    for anchors in SIZES:
        forms = [f for f in FORMS if anchors == SIZES[0] or f not in SMALL_ONLY]
        taken = {name: [] for name in (PEER, *forms)}
        for form in forms:
            for _ in range(options.rounds):
                peer = sides[PEER].seconds(anchors, FORMS["greedy"])
                taken[form].append((sides["ours"].seconds(anchors, FORMS[form]), peer))
                taken[PEER].append((peer, peer))
        found[f"{anchors} anchors"] = {
            form: {
                "milliseconds": _rounded(1000 * own for own, _ in pairs),
                "ratio": _rounded(own / peer for own, peer in pairs),
            }
            for form, pairs in taken.items()
        }
    return found


def _rounded(values):
    return round(statistics.median(values), 3)


class _Side:
    """A process that measures what it is asked for, over pipes."""

    def __init__(self, tree):
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "suppression.py"), "--side"],
            env=os.environ | {"PYTHONPATH": str(tree), "TF_CPP_MIN_LOG_LEVEL": "3"},
            cwd=tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, anchors, text):
        return self._asked({"anchors": anchors, "text": text})

    def save(self, anchors, text, folder):
        return self._asked({"anchors": anchors, "text": text, "folder": folder})

    def _asked(self, question):
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def _serve():
    """Answers the questions of `_Side` with a median of seconds each."""
    calls = {}
    for line in sys.stdin:
        question = json.loads(line)
        key = question["anchors"], question["text"]
        if key not in calls:
            calls[key] = _call(*key)
            _seconds(calls[key], 3)
        if "folder" in question:
            _save(*key, question["folder"])
        print(json.dumps(_seconds(calls[key], 7)), flush=True)


def _call(anchors, text):
    detect, inputs = _detect(text), _inputs(anchors)
    return lambda: [value.numpy() for value in detect(*inputs).values()]


def _detect(text):
    import tensorflow as tf
    from google.protobuf import text_format

    from od_api.core.registry import build
    from od_api.protos import post_processing_pb2

    select = build(text_format.Parse(text, post_processing_pb2.PostProcessing())).select

    @tf.function(autograph=False)
    def detect(boxes, scores, window):
        found = select(boxes, scores, window)
        return {f"found_{name}": getattr(found, name) for name in ("boxes", "scores")}

    return detect


def _inputs(anchors):
    import tensorflow as tf

    sys.path.insert(0, str(HERE / "versus_the_old_api"))
    import postprocessing

    return [tf.constant(x) for x in postprocessing._inputs(anchors, CLASSES)]


def _seconds(call, times):
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _save(anchors, text, folder):
    """The SavedModel of a form, its inputs and what TensorFlow finds."""
    import numpy as np
    import tensorflow as tf

    inputs = _inputs(anchors)
    module = tf.Module()
    specs = [
        tf.TensorSpec(x.shape, x.dtype, name)
        for x, name in zip(inputs, NAMES, strict=True)
    ]
    module.detect = tf.function(_detect(text), input_signature=specs, autograph=False)
    tf.saved_model.save(module, folder, signatures=module.detect)
    found = {name: x.numpy() for name, x in module.detect(*inputs).items()}
    given = {name: x.numpy() for name, x in zip(NAMES, inputs, strict=True)}
    np.savez(pathlib.Path(folder) / "values.npz", **given, **found)


def _engines(options):
    """{size: {form: {engine: milliseconds or why not}}}."""
    side, results = _Side(HERE.parent), {}
    for anchors in SIZES:
        results[f"{anchors} anchors"] = of_size = {}
        for form in (f for f, sizes in IN_ENGINES.items() if anchors in sizes):
            with tempfile.TemporaryDirectory() as folder:
                seconds = side.save(anchors, FORMS[form], folder)
                of_size[form] = {"TensorFlow": round(1000 * seconds, 3)}
                for engine in ("openvino", "onnxruntime"):
                    command = [options.engines, HERE / "suppression_engines.py"]
                    done = subprocess.run(
                        [*command, engine, folder],
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    last = (done.stdout.strip() or done.stderr.strip()).splitlines()
                    answer = last[-1] if last else f"ended with {done.returncode}"
                    of_size[form][engine] = (
                        json.loads(answer) if done.returncode == 0 else answer[:200]
                    )
    return results


if __name__ == "__main__":
    main()
