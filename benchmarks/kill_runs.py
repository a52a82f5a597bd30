"""Kills training and export at random moments, and compares with a run left alone.

    python benchmarks/kill_runs.py OUTPUT --kills 200
    python benchmarks/kill_runs.py OUTPUT --kills 2 --schemes

Several can run side by side, each with an OUTPUT and a `--seed` of its own.
The config is that of the tests (tests/tiny.py), with a checkpoint and an evaluation
every two steps, so that most moments are inside one. `od-api train` is started, gets
SIGKILL, SIGTERM or SIGINT at a random moment, and the same command is started again,
until it ends by itself. Then history, `best/` and weights must be those of the run that
nobody killed, to the bit, and nothing unfinished may be left. Each such run is
exported, and the export is killed once on its way. Writes OUTPUT/kills.json; status 1
if anything differs.

`--schemes` does it for each of the batch schemes, and for chips with a size range, with
SIGKILL alone, in the middle of the steps; the losses of all steps must be those of the
run that nobody killed, too, and nothing is exported.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

# For this process, too: several of them would fight for one GPU.
os.environ.update(TF_NUM_INTRAOP_THREADS="1", CUDA_VISIBLE_DEVICES="-1")

STEPS = 16
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


class Harness:
    """Starts commands, ends them early, and notes what came of it."""

    def __init__(self, folder, seed, write_config=None):
        import tiny

        self._folder = folder
        self._draw = random.Random(seed)
        write_config = write_config or tiny.write_config
        self._config = write_config(folder, tiny.make_data(folder))
        self.kills = collections.Counter()
        self.moments = collections.Counter()
        self.faults = []
        started = time.monotonic()
        self._finish(self._train(folder / "alone"))
        self._seconds = time.monotonic() - started
        self._wanted = outcome(folder / "alone")

    def one_run(self, number, kills):
        """A run that is killed up to `kills` times, then compared and exported."""
        model = self._folder / f"run-{number}"
        for _ in range(kills):
            if not self._killed(self._train(model), model):
                break
        self._finish(self._train(model))
        got = outcome(model)
        for name, wanted in self._wanted.items():
            if got[name] != wanted:
                self.faults.append(f"{model.name}: {name} differs")
        self._look_for_leftovers(model)
        output = self._folder / f"export-{number}"
        if self._killed(self._export(model, output), None) and output.exists():
            missing = not (output / "parity.json").exists()
            self.faults += [f"{output.name}: half an export"] * missing
        if not output.exists():
            self._finish(self._export(model, output))
            self._look_for_leftovers(self._folder)

    def one_scheme(self, kills):
        """A run that gets SIGKILL so many times, each time after another checkpoint."""
        model = self._folder / "killed"
        for _ in range(kills):
            process, before = self._train(model), changed(model)
            while process.poll() is None and changed(model) == before:
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.kills["SIGKILL"] += 1
        self._finish(self._train(model))
        alone = self._folder / "alone"
        for name, wanted in self._wanted.items():
            if outcome(model)[name] != wanted:
                self.faults.append(f"{name} differs")
        if losses(model) != losses(alone) or len(losses(alone)) < STEPS:
            self.faults.append("losses differ")

    def _killed(self, process, model):
        """Whether it was still there to be killed at a random moment."""
        if model is not None and self._draw.random() < 0.7:
            # The start takes most of the time: wait until training is under way.
            before = changed(model)
            while process.poll() is None and changed(model) == before:
                time.sleep(0.02)
            delay = self._draw.uniform(0, 0.3 * self._seconds)
        else:
            delay = self._draw.uniform(0, self._seconds)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            number = self._draw.choice(SIGNALS)
            process.send_signal(number)
            process.wait()
            self.kills[number.name] += 1
            self.moments[moment(model) if model else "export"] += 1
        return process.returncode != 0

    def _finish(self, process):
        if process.wait():
            said = self._log.read_text()[-2000:]
            self.faults.append(f"status {process.returncode}: {said}")

    def _train(self, model):
        settings = ("checkpoint_every_n_steps=2", "log_every_n_steps=1")
        sets = [f"--set=train_config.{setting}" for setting in settings]
        return self._start("train", model, f"--num-steps={STEPS}", *sets)

    def _export(self, model, output):
        return self._start("export", model, output)

    def _start(self, verb, *arguments):
        self._log = self._folder / f"{verb}.log"
        command = [sys.executable, "-m", "od_api.cli", verb, self._config, *arguments]
        with self._log.open("w") as file:
            return subprocess.Popen(
                list(map(str, command)),
                stdout=file,
                stderr=file,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
                },
            )

    def _look_for_leftovers(self, folder):
        patterns = ("*.saving", "*.tmp", ".*unfinished*")
        left = [p for pattern in patterns for p in folder.rglob(pattern)]
        self.faults += [f"left over: {path}" for path in left]


def outcome(model):
    """What must be the same: {name: value}."""
    from od_api.checkpoints import checkpoint_files
    from od_api.checkpoints.best_checkpoint import BestCheckpoint
    from od_api.training.history import read_history

    best = BestCheckpoint(model)
    found = {"history": read_history(model), "record of best": best.record()}
    prefixes = {"best": best.path(), "weights": str(model / f"ckpt-{STEPS}")}
    for name, prefix in prefixes.items():
        groups, step = checkpoint_files.read(prefix)
        found[name] = (
            step,
            {
                f"{group}/{key}": value.tobytes()
                for group, values in groups.items()
                for key, value in values.items()
            },
        )
    return found


def losses(model):
    """{step: {loss: bytes of its float32}} of all steps, by TensorBoard's files."""
    import tensorflow as tf

    found = {}
    for path in sorted(model.glob("train/events.*")):
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                event = tf.compat.v1.Event.FromString(record)
                for value in event.summary.value:
                    if value.tag.startswith("Loss/"):
                        content = value.tensor.tensor_content
                        content = content or repr(value.tensor.float_val).encode()
                        found.setdefault(event.step, {})[value.tag] = content
        except tf.errors.DataLossError:
            pass  # The process ended while it wrote.
    return found


def changed(model):
    """Grows with what training has written."""
    return sorted(str(p) for p in model.glob("**/ckpt-*")) if model.exists() else []


def moment(model):
    """What the run was at, by its log and the files that are there."""
    if list(model.glob(".ckpt-*.saving")):
        return "save"
    if list(model.glob("best/.ckpt-*.saving")):
        return "copy of best"
    steps = [int(p.stem[5:]) for p in model.glob("ckpt-*.index")]
    if not steps:
        return "before the first checkpoint"
    history = model / "eval_history.jsonl"
    last = 0
    if history.exists():
        last = json.loads(history.read_text().splitlines()[-1])["step"]
    return "evaluation" if last < max(steps) else "steps, or the start of a run"


def kill_schemes(output, kills, seed):
    """Writes {scheme: kills, faults} to OUTPUT/kills.json; True if anything differs."""
    import tiny_schemes

    ways = {
        name: lambda folder, data, text=text: tiny_schemes.write_config(
            folder, data, text
        )
        for name, text in tiny_schemes.SCHEMES.items()
    }
    ways["chips_and_size_range"] = tiny_schemes.with_chips
    result = {}
    for name, write_config in ways.items():
        (output / name).mkdir()
        harness = Harness(output / name, seed, write_config)
        harness.one_scheme(kills)
        result[name] = {"kills": dict(harness.kills), "faults": harness.faults}
        print(name, result[name], flush=True)
        (output / "kills.json").write_text(json.dumps(result, indent=2) + "\n")
    return any(one["faults"] for one in result.values())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--schemes", action="store_true")
    args = parser.parse_args(arguments)
    args.output.mkdir(parents=True)
    if args.schemes:
        return kill_schemes(args.output, args.kills, args.seed)
    deadline = time.monotonic() + 60 * args.minutes
    harness, runs = Harness(args.output, args.seed), 0
    while sum(harness.kills.values()) < args.kills and time.monotonic() < deadline:
        runs += 1
        harness.one_run(runs, kills=5)
        print(runs, dict(harness.moments), harness.faults, flush=True)
    result = {
        "runs": runs,
        "kills": dict(harness.kills),
        "moments": dict(harness.moments),
        "faults": harness.faults,
    }
    (args.output / "kills.json").write_text(json.dumps(result, indent=2) + "\n")
    return bool(harness.faults)


if __name__ == "__main__":
    sys.exit(main())
