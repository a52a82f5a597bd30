"""One of the two programs that are compared: runs in a process of its own.

Reads JSON lines. The first one says what to measure: {"module", "side", "settings"};
the function `side` of that module is a generator whose first value are facts about the
work, made after everything is ready and warm, and each further one the numbers of a
round, {quantity: [numbers]}. Every further line asks for a round. Each line is answered
by one, {"value": ...} or {"error": ...}; whatever else is printed goes to the log.
"""

import importlib
import importlib.metadata
import json
import os
import platform
import sys
import traceback

_PACKAGES = (
    "od-api",
    "tf-models-research-object-detection",
    "tensorflow",
    "keras",
    "numpy",
    "pycocotools",
    "faster-coco-eval",
    "onnxruntime",
    "openvino",
    "nncf",
)


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    steps = None
    for line in sys.stdin:
        try:
            if steps is None:
                steps = begin(json.loads(line))
                answer = {"facts": next(steps), "versions": versions()}
            else:
                answer = next(steps)
            text = json.dumps({"value": answer})
        except BaseException:
            text = json.dumps({"error": traceback.format_exc()})
        print(text, file=answers, flush=True)


def begin(work):
    module = importlib.import_module(work["module"])
    return getattr(module, work["side"])(work["settings"])


def versions():
    """{package: version} of those that are here."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
