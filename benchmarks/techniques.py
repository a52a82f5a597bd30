"""Trains each technique and its base on synthetic scenes, and compares the two.

    python benchmarks/techniques.py [--jobs N] [--only NAME ...] [--out FOLDER]

Every config of configs/techniques/ is made small (tests/toy_scale.py) and trained for
three seeds from a pre-trained network (technique_pretraining.py); so is what it is
compared with (technique_bases.py). What is trained
alike, such as those that differ in suppression, are trained once a seed. What is found
goes to techniques.json in --out, which is this folder unless it is named:

    mAP, mask_mAP  mean, least and most over the seeds, on 64 other scenes
    latency_ms     medians of the exports of the first seed, technique and base measured
                   in turn, in one process, when nothing is trained here any more
    parameters     numbers in the checkpoint's model
    bytes          of the SavedModel
    digest         of the config and of its parts' files (od_api/techniques/digests.py)
    machine        that the technique and its base were trained on

"pretrained" has the mAP of the detectors that the networks come from. Under
"looked_into" are techniques whose mean is more than .05 below the least of their
base. Each piece of work is a process with a small file of its own in --work: a run that
was stopped goes on, and nothing is taken over from parts whose code was another one. A
piece that fails is named at the end, and the exit status is 1.
"""

import argparse
import concurrent.futures
import contextlib
import dataclasses
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests")]

RECORD = HERE / "techniques.json"
SCENES = {"train": 512, "val": 64}
# Of the scenes; those of pre-training are others.
SEED, PRETRAINING_SEED = 7, 8
# Easy ones whose objects a narrow network can tell apart at 96 px.
SCENE_SETTINGS = {"max_objects": 3, "size_shares": (0, 0.6, 0.4)}
MARGIN = 0.05
METRICS = {
    "mAP": "DetectionBoxes_Precision/mAP",
    "mask_mAP": "DetectionMasks_Precision/mAP",
}
WARM_UP, LATENCY_IMAGES = 10, 60


def main():
    """Does what is left to do, and writes the record."""
    args = _arguments()
    if args.child:
        return _child(args)
    import technique_bases

    wanted = args.only or technique_bases.names()
    pairs, failed = _pairs(wanted, args)
    _make_scenes(args.work / "data", SEED)
    failed += _pretrain(pairs, args)
    failed += [] if failed else _train_all(pairs, args)
    failed += _measure_latency(pairs, args)
    record = _record(pairs, args)
    args.out.mkdir(parents=True, exist_ok=True)
    _write(args.out / RECORD.name, record)
    for name in record["looked_into"]:
        print(f"to be looked into: {name} is more than {MARGIN} below its base")
    for what in failed:
        print(f"FAILED: {what}")
    return 1 if failed else 0


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--only", nargs="+", metavar="NAME", help="files of configs/techniques")
    add("--steps", type=int, default=1000)
    add("--batch-size", type=int, default=4, help="images a step")
    add("--seeds", type=int, default=3, help="how many; they are 0, 1, 2, ...")
    add("--jobs", type=int, default=os.cpu_count(), help="processes in parallel")
    add("--out", type=pathlib.Path, default=HERE, help="folder of techniques.json")
    add("--work", type=pathlib.Path, default=HERE.parent / "build" / "techniques")
    add("--child", choices=("pretrain", "train", "latency"), help=argparse.SUPPRESS)
    add("--task", help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.work = args.work.resolve()
    return args


def _pairs(wanted, args):
    """({name: (Subject, Subject)}, what failed); their configs are written."""
    import technique_bases
    import technique_pretraining
    import toy_scale

    from od_api.config.loading import write_config

    def small(config, **options):
        toy_scale.toy(
            config,
            args.work / "data",
            steps=args.steps,
            batch_size=args.batch_size,
            **options,
        )
        technique_pretraining.start_from(config, args.work / "pretrained")
        return config

    pairs, failed = {}, []
    for name in wanted:
        try:
            pairs[name] = technique_bases.pair(name, small)
        except Exception as error:  # of one technique; the others go on
            failed.append(f"{name}: {error}")
            continue
        for subject in pairs[name]:
            write_config(subject.config, _config_path(args, subject.name))
    return pairs, failed


def _make_scenes(data, seed):
    from od_api.data.synthetic import scenes, synth

    difficulty = dataclasses.replace(scenes.DIFFICULTIES["easy"], **SCENE_SETTINGS)
    for split, count in SCENES.items():
        if not (data / split).is_dir():
            synth.generate_records(
                data / split,
                num_images=count,
                seed=seed,
                split=split,
                difficulty=difficulty,
                image_size=(96, 96),
                include_masks=True,
            )


# What is trained, in parallel


def _pretrain(pairs, args):
    """Trains the networks that are not yet there; returns what failed."""
    import toy_scale

    networks = {
        toy_scale.backbone_name(subject.config)
        for pair in pairs.values()
        for subject in pair
    }
    tasks = [
        {"key": f"pretrained-{name}", "label": f"{name}, pre-trained", "network": name}
        for name in sorted(networks)
        if not _pretrained_path(args, name).is_file()
    ]
    if tasks:
        _make_scenes(args.work / "pretraining", PRETRAINING_SEED)
    return _run_all("pretrain", tasks, {}, args)


def _train_all(pairs, args):
    """Trains and evaluates all that is not yet; returns what failed."""
    groups = {}
    for subject in (s for pair in pairs.values() for s in pair):
        groups.setdefault(subject.training, {})[subject.name] = subject
    # What many wait for comes first; whole rows, so that a run that stops has some.
    order = sorted(groups.values(), key=lambda g: (-len(g), not _is_quick(g)))
    first, rest = [], {}
    for group in order:
        for seed in range(args.seeds):
            tasks = [
                _task(subject, seed)
                for subject in group.values()
                if not _result_path(args, subject.name, seed).is_file()
            ]
            if tasks:
                first.append(tasks[0])
                rest[tasks[0]["key"]] = tasks[1:]
    return _run_all("train", first, rest, args)


def _is_quick(group):
    return all(s.config.model.HasField("ssd") for s in group.values())


def _task(subject, seed):
    return {
        "key": f"{subject.name}-{seed}",
        "label": f"{subject.label}, seed {seed}",
        "subject": subject.name,
        "training": subject.training,
        "seed": seed,
    }


def _run_all(child, first, rest, args):
    """Runs tasks, and what waits for each; returns what failed."""
    total = len(first) + sum(map(len, rest.values()))
    done, failed, start = 0, [], time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        waiting = {pool.submit(_run, child, task, args): task for task in first}
        while waiting:
            ended, _ = concurrent.futures.wait(
                waiting, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in ended:
                task = waiting.pop(future)
                followers = rest.pop(task["key"], [])
                done += 1
                if future.result():
                    failed.append(f"{task['label']}: {_log(args, task['key'])}")
                for other in followers:
                    waiting[pool.submit(_run, child, other, args)] = other
                left = (time.monotonic() - start) / done * (total - done)
                print(f"{done}/{total} {task['label']}, {left:.0f} s left", flush=True)
    return failed


def _run(child, task, args):
    """Runs one child process on one core; returns its exit status."""
    log = _log(args, task["key"])
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(HERE / "techniques.py"), "--child", child]
    command += ["--task", json.dumps(task), "--work", str(args.work)]
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTEROP_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
    }
    with log.open("w") as file:
        return subprocess.run(
            command, stdout=file, stderr=file, env=environment, check=False
        ).returncode


# Where things are


def _config_path(args, name):
    return args.work / "configs" / f"{name}.config"


def _pretrained_path(args, network):
    return args.work / "pretrained" / network / "found.json"


def _result_path(args, name, seed):
    return args.work / "found" / f"{name}-{seed}.json"


def _export_path(args, name):
    return args.work / "exported" / name


def _latency_path(args, technique, base):
    return args.work / "latency" / f"{technique}-{base}.json"


def _log(args, key):
    return args.work / "logs" / f"{key}.log"


def _write(path, found):
    """JSON that appears whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    os.replace(temporary, path)


# In a process of their own


def _child(args):
    task = json.loads(args.task)
    children = {"pretrain": _pretrain_one, "train": _train_one, "latency": _latency}
    children[args.child](task, args)
    return 0


def _pretrain_one(task, args):
    """Trains a detector for its network, and evaluates it."""
    import technique_pretraining

    from od_api.train import train

    path = _pretrained_path(args, task["network"])
    config = technique_pretraining.config_of(task["network"], args.work / "pretraining")
    result = train(config, path.parent, record_summaries=False)
    _write(path, {"mAP": round(float(result.metrics[METRICS["mAP"]]), 4)})


def _train_one(task, args):
    """Trains unless it is done, evaluates, and exports the first seed."""
    from od_api.checkpoints import checkpoint_files
    from od_api.config.loading import load_config
    from od_api.evaluate import evaluate
    from od_api.export import export

    config = load_config(_config_path(args, task["subject"]))
    config.train_config.seed = task["seed"]
    model = args.work / "trained" / f"{task['training']}-{task['seed']}"
    _train(config, model)
    steps = config.train_config.num_steps
    metrics = evaluate(config, model, output_dir=args.work / "eval" / task["key"])
    found = {
        name: round(float(metrics[key]), 4)
        for name, key in METRICS.items()
        if key in metrics
    }
    if task["seed"] == 0:
        weights = checkpoint_files.read(str(model / f"ckpt-{steps}"))[0]["model"]
        found["parameters"] = int(sum(value.size for value in weights.values()))
        target = _export_path(args, task["subject"])
        shutil.rmtree(target, ignore_errors=True)
        export(config, model, target)
        files = (p for p in (target / "saved_model").rglob("*") if p.is_file())
        found["bytes"] = sum(p.stat().st_size for p in files)
    found |= json.loads((model / "trained.json").read_text())
    found["machine"] = _machine()
    _write(_result_path(args, task["subject"], task["seed"]), found)


def _train(config, model):
    from od_api.data.write_chips import write_chips
    from od_api.train import train

    if (model / "trained.json").is_file():
        return
    if config.train_input_reader.HasField("chips"):
        chips = config.train_input_reader.chips
        chips.index_path = f"{chips.index_path}-{config.train_config.seed}"
        write_chips(config)
    start, before = time.perf_counter(), time.process_time()
    train(config, model, evaluate_on_the_way=False, record_summaries=False)
    seconds = {"seconds": time.perf_counter() - start}
    seconds["core_seconds"] = time.process_time() - before
    rounded = {name: round(value, 1) for name, value in seconds.items()}
    _write(model / "trained.json", rounded)


def _latency(task, args):
    """Milliseconds an image of a base and of all techniques over it, in turn."""
    import numpy as np
    from PIL import Image

    from od_api.exporting import saved_models

    paths = sorted((args.work / "data" / "val" / "images").iterdir())
    images = [np.asarray(Image.open(path))[None] for path in paths]

    def loaded(name):
        directory = saved_models.saved_model_dir(_export_path(args, name))
        model = saved_models.load(directory)
        run = saved_models.signature_of(model, directory)
        argument = saved_models.image_argument(run).name

        def call(image, model=model):
            start = time.perf_counter()
            outputs = run(**{argument: image})
            outputs["detection_boxes"].numpy()
            return 1e3 * (time.perf_counter() - start)

        return call

    base = loaded(task["base"])
    for name in task["techniques"]:
        mine = loaded(name)
        times = []
        for i in range(WARM_UP + LATENCY_IMAGES):
            image = images[i % len(images)]
            # Who is first changes.
            both = [mine(image), base(image)] if i % 2 else [base(image), mine(image)]
            times.append(both if i % 2 else both[::-1])
        first, second = zip(*times[WARM_UP:], strict=True)
        found = {
            "latency_ms": round(statistics.median(first), 3),
            "base_latency_ms": round(statistics.median(second), 3),
        }
        _write(_latency_path(args, name, task["base"]), found)


# What was found


def _measure_latency(pairs, args):
    """Of all pairs that have exports and no latency yet; returns what failed."""
    wanted = {}
    for mine, base in pairs.values():
        known = _latency_path(args, mine.name, base.name).is_file()
        exports = [_export_path(args, s.name).is_dir() for s in (mine, base)]
        if all(exports) and not known:
            wanted.setdefault(base.name, set()).add(mine.name)
    tasks = [
        {
            "key": f"latency-{base}",
            "label": f"latency over {base}",
            "base": base,
            "techniques": sorted(techniques),
        }
        for base, techniques in wanted.items()
    ]
    return _run_all("latency", tasks, {}, args)


def _record(pairs, args):
    """The record with what these pairs gave in place of what it had."""
    path = args.out / RECORD.name
    old = json.loads(path.read_text()) if path.is_file() else {}
    rows = old.get("techniques", {})
    for name, (mine, base) in pairs.items():
        rows.pop(name, None)
        with contextlib.suppress(FileNotFoundError):
            rows[name] = _row(name, mine, base, args)
    return {
        "scenes": SCENES,
        "pretrained": old.get("pretrained", {})
        | {
            path.parent.name: json.loads(path.read_text())
            for path in sorted((args.work / "pretrained").glob("*/found.json"))
        },
        "techniques": rows,
        "looked_into": sorted(name for name, row in rows.items() if is_low(row)),
    }


def is_low(row):
    """Whether a technique is more than MARGIN below the range of its base."""
    return any(
        row[metric]["mean"] < row[f"base_{metric}"]["least"] - MARGIN
        for metric in METRICS
        if metric in row and f"base_{metric}" in row
    )


def _row(name, mine, base, args):
    """All about one technique; FileNotFoundError where something is missing."""
    from od_api.techniques.digests import digest, technique_configs

    row = {
        "digest": digest(technique_configs()[name]),
        "base": base.label,
        "steps": args.steps,
        "batch_size": args.batch_size,
        "seeds": args.seeds,
    }
    machines = set()
    for prefix, subject in (("", mine), ("base_", base)):
        found = [
            json.loads(_result_path(args, subject.name, seed).read_text())
            for seed in range(args.seeds)
        ]
        for metric in METRICS:
            if metric in found[0]:
                row[prefix + metric] = spread([one[metric] for one in found])
        for key in ("parameters", "bytes"):
            row[prefix + key] = found[0][key]
        row[prefix + "core_seconds"] = spread([one["core_seconds"] for one in found])
        machines |= {one["machine"] for one in found}
    row["machine"] = "; ".join(sorted(machines))
    return row | json.loads(_latency_path(args, mine.name, base.name).read_text())


def spread(values):
    """{"mean", "least", "most"} of some numbers."""
    return {
        "mean": round(statistics.fmean(values), 4),
        "least": min(values),
        "most": max(values),
    }


def _machine():
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(ln.split(": ")[1] for ln in lines if ln.startswith("model name"))
    return f"{cpu}, {os.cpu_count()} cores, one a process"


if __name__ == "__main__":
    sys.exit(main())
