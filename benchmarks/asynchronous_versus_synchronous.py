"""The same config trained in step and asynchronously, on the same number of images.

    python benchmarks/asynchronous_versus_synchronous.py OUTPUT \
        [--config CONFIG] [--set FIELD=VALUE ...] [--workers 3] [--ps 1]

Trains a config, by default the demo's, on the demo's scenes, once on one device and
once with `od-api cluster`, and writes both mAPs, their difference and the staleness to
OUTPUT/result.json. An interrupted run goes on where it was.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

import tensorflow as tf

from od_api.config.loading import load_config, write_config
from od_api.demo import make_scenes, scene_paths
from od_api.evaluate import evaluate

ROOT = pathlib.Path(__file__).parent.parent
DEMO = ROOT / "configs" / "ssd" / "ssd_mobilenet_v1_fpn_192x192_demo.config"
_METRICS = ("DetectionBoxes_Precision/mAP", "DetectionBoxes_Precision/mAP@.50IOU")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--config", default=DEMO)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--ps", type=int, default=1)
    args = parser.parse_args()
    data = make_scenes(args.output.resolve() / "data")
    path = args.output / "pipeline.config"
    config = load_config(args.config, [*args.overrides, *scene_paths(data)])
    write_config(config, path)
    train = [sys.executable, "-m", "od_api.cli", "train", str(path)]
    cluster = [sys.executable, "-m", "od_api.cli", "cluster", "--no-evaluator"]
    size = [f"--workers={args.workers}", f"--ps={args.ps}", "--"]
    log = args.output / "asynchronous.log"
    with log.open("a") as file:
        subprocess.run(
            [*cluster, *size, *train, str(args.output / "asynchronous")],
            check=True,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    subprocess.run([*train, str(args.output / "synchronous"), "--no-eval"], check=True)
    result = {"config": pathlib.Path(args.config).name, "set": args.overrides}
    for name in ("synchronous", "asynchronous"):
        result[name] = _picked(evaluate(config, args.output / name))
    key = _METRICS[0]
    result["difference"] = result["asynchronous"][key] - result["synchronous"][key]
    result["images"] = config.train_config.num_steps * config.train_config.batch_size
    result["workers"], result["parameter_servers"] = args.workers, args.ps
    result["staleness_mean"] = _mean_staleness(log.read_text())
    result["machine"] = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
    }
    text = json.dumps(result, indent=2)
    (args.output / "result.json").write_text(text + "\n")
    print(text)


def _picked(metrics):
    return {name: metrics[name] for name in _METRICS}


def _mean_staleness(log):
    values = [float(v) for v in re.findall(r"staleness_mean (\S+)", log)]
    return sum(values) / len(values) if values else None


if __name__ == "__main__":
    main()
