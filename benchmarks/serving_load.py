"""How long a served detector takes to answer while several clients ask at once.

    python benchmarks/serving_load.py --requests 200 --threads 4 \
        --output benchmarks/serving_load.json

Writes p50, p90 and p99 in milliseconds for REST and, where `od-api[client]` is
installed, gRPC, beside the time of the same calls without a server. The model is the
tests' tiny SSD with random weights, or `--export` names a folder that od-api export
made; images are seeded noise. The server is the one of the tests, in this process and
on loopback: it loads and answers as TensorFlow Serving does, but in Python, which has
one lock for its clients and itself. With `--url` (http:// or grpc://, of a model) the
load goes there, to a server in production for example.

Every client sends its next request when it has the answer to the last. The requests are
so many in all, and a run ends after --seconds, whichever comes first.
"""

import argparse
import concurrent.futures
import contextlib
import importlib.util
import itertools
import json
import pathlib
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import model_server  # noqa: E402
import random_checkpoint  # noqa: E402
import tiny  # noqa: E402

from od_api.export import export  # noqa: E402
from od_api.inference.finders import finder  # noqa: E402
from od_api.inference.served_model import ServedModel  # noqa: E402
from od_api.study.measure import machine  # noqa: E402

QUANTILES = (50, 90, 99)
WARM_UP = 3


def load(find, images, requests, threads, seconds):
    """{"requests", "seconds", "images_per_second", "p50_ms", ...} of one kind.

    Args:
      find: takes uint8 [1, h, w, 3]; called by all threads.
      images: they are sent in turn.
      requests: how many at most, of all threads.
      threads: clients at once.
      seconds: after so many no request begins.

    Raises:
      TimeoutError: no request began until then.
    """
    for _ in range(WARM_UP):
        find(images[0])
    numbers, start = itertools.count(), time.perf_counter()

    def client(_):
        times = []
        while (n := next(numbers)) < requests:
            before = time.perf_counter()
            if before - start > seconds:
                break
            find(images[n % len(images)])
            times.append(time.perf_counter() - before)
        return times

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        times = [t for found in pool.map(client, range(threads)) for t in found]
    if not times:
        raise TimeoutError(f"no request began within {seconds} s: give more --seconds")
    taken = time.perf_counter() - start
    return {
        "requests": len(times),
        "seconds": round(taken, 3),
        "images_per_second": round(len(times) / taken, 2),
        **{f"p{q}_ms": round(1e3 * np.percentile(times, q), 3) for q in QUANTILES},
    }


@contextlib.contextmanager
def finders(exported, url):
    """{kind: what takes a batch of images} of what is measured, one after the other."""
    if url:
        yield {"server": ServedModel(url)}
        return
    models = model_server.Models({"detector": exported / "serving" / "detector"})
    with contextlib.ExitStack() as stack:
        rest = stack.enter_context(model_server.rest_server(models))
        kinds = {
            "without a server": finder(exported).find,
            "rest": ServedModel(f"{rest}/v1/models/detector"),
        }
        if importlib.util.find_spec("tensorflow_serving"):
            server = stack.enter_context(model_server.grpc_server(models, threads=16))
            kinds["grpc"] = ServedModel(f"grpc://{server}/detector")
        yield kinds


def tiny_export(folder):
    config = tiny.config_for(folder, tiny.make_data(folder, num_images=1))
    checkpoint = random_checkpoint.write(config, folder / "model")
    export(config, checkpoint, folder / "exported")
    return folder / "exported"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument(
        "--size", type=int, nargs=2, default=(96, 96), metavar=("H", "W")
    )
    parser.add_argument("--export", type=pathlib.Path)
    parser.add_argument("--url")
    return parser.parse_args()


def main():
    args = arguments()
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (8, 1, *args.size, 3), dtype=np.uint8)
    limits = (args.requests, args.threads, args.seconds)
    with tempfile.TemporaryDirectory() as folder:
        exported = args.export
        if exported is None and args.url is None:
            exported = tiny_export(pathlib.Path(folder))
        with finders(exported, args.url) as kinds:
            found = {kind: load(find, images, *limits) for kind, find in kinds.items()}
    report = {
        "machine": machine.describe(),
        "image": list(args.size),
        "threads": args.threads,
        "found": found,
    }
    args.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
