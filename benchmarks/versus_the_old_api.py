"""The same work through od_api and through the old API, in turn on one machine.

    python benchmarks/versus_the_old_api.py OUTPUT_DIR --old-python PYTHON \
        --old-path OVERLAY [--only TASK ...] [--rounds N] [--seconds S] [--again]

`old_api_environment.py` makes the old side and prints its two options. Each side has an
environment and a process of its own; in every round first ours is measured, then the
old one, while the other waits. OUTPUT_DIR/result.json has every number, what was found
and how busy the machine was, and is written after each task: a run that was stopped
goes on, and tasks that failed are tried again. OUTPUT_DIR/table.md is made from it.
After its rounds the larger tasks are done once more under a profile.

On a quiet machine of 2 cores all of it takes about an hour. `--only` takes names of
tasks or their beginnings: postprocessing, coco_evaluation, input_pipeline, exporting,
loading, inference, engines, training, start_up.
"""

import argparse
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).with_suffix("")))

import processes
import rounds
import table
import tasks


def main():
    args = _arguments()
    output = args.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    has_bfloat16 = processes.has_bfloat16()
    chosen = _chosen(tasks.all_tasks(output, args.seconds, has_bfloat16), args.only)
    sides = processes.sides(args.old_python, args.old_path, output / "logs")
    result = _read(output)
    for number, task in enumerate(chosen, start=1):
        done = result["tasks"].get(task.name)
        if done and not done["errors"] and not args.again:
            continue
        print(f"{task.name} ({number} of {len(chosen)})", flush=True)
        found = rounds.measure(task, sides, args.rounds, _say)
        result["tasks"][task.name] = found | _speed(task, found)
        result["versions"] |= found.pop("versions")
        _write(output, result)
    _write(output, result)
    print((output / "table.md").read_text())


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--old-python", required=True, help="of the old environment")
    parser.add_argument("--old-path", required=True, help="goes on its PYTHONPATH")
    parser.add_argument("--only", nargs="+", metavar="TASK", default=[""])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of a round of a side"
    )
    parser.add_argument("--again", action="store_true", help="measure what is done")
    return parser.parse_args()


def _chosen(every, beginnings):
    chosen = [task for task in every if task.name.startswith(tuple(beginnings))]
    if not chosen:
        sys.exit(f"no such task: {', '.join(task.name for task in every)}")
    return chosen


def _say(line):
    print(line, flush=True)


def _speed(task, found):
    """Of a network: its multiply-adds, and the share of the machine's matmul rate.

    The rate is that of the side which multiplies faster.
    """
    rates = found["summary"].get("matmul_flops_per_second")
    if not rates:
        return {}
    file = pathlib.Path(task.settings["folder"]) / "multiply_adds.json"
    if not file.exists():
        return {}
    rate = max(rates[side]["median"] for side in ("ours", "old") if side in rates)
    count = json.loads(file.read_text())["multiply_adds"]
    seconds = found["summary"]["seconds"]
    return {
        "multiply_adds": count,
        "matmul_flops_per_second": rate,
        "share_of_matmul": {
            side: 2 * count / seconds[side]["median"] / rate
            for side in ("ours", "old")
            if side in seconds
        },
    }


def _read(output):
    path = output / "result.json"
    if path.exists():
        return json.loads(path.read_text())
    return {"machine": processes.machine(), "versions": {}, "tasks": {}}


def _write(output, result):
    """Whole or not at all, for a run that is stopped meanwhile."""
    partial = output / "result.json.partial"
    partial.write_text(json.dumps(result, indent=1) + "\n")
    partial.replace(output / "result.json")
    (output / "table.md").write_text(table.markdown(result))


if __name__ == "__main__":
    main()
