"""Measures a task: the two sides in turn, round after round."""

import contextlib
import os

import numpy as np
from processes import SideError

# Parts of a profile with a smaller share of the time are left out.
_LEAST_SHARE = 0.001


def measure(task, sides, rounds, say=print):
    """What a task gave, as it stands in result.json.

    A side that fails is recorded with its error, and the other goes on alone.

    Args:
      task: Task.
      sides: list of Side.
      rounds: how often each is measured.
      say: gets lines about the progress.

    Returns:
      {"quantities", "rounds", "facts", "versions", "load_average", "errors",
      "values": {quantity: {side: [[numbers of a round]]}}, "summary",
      "profile": {side: {part: its share of the time}}}.
    """
    result = {
        "quantities": [quantity._asdict() for quantity in task.quantities],
        "rounds": rounds,
        "facts": {},
        "versions": {},
        "load_average": {side.name: [] for side in sides},
        "errors": {},
        "values": {},
        "profile": {},
    }
    for step in task.steps:
        _prepare(step, sides, result["errors"], say)
    with contextlib.ExitStack() as stack:
        running = {}
        for number in range(rounds):
            for side in sides:
                if side.name in result["errors"]:
                    continue
                say(f"  round {number + 1} of {rounds}: {side.name}")
                try:
                    _one_round(task, side, running, stack, result)
                except SideError as error:
                    result["errors"][side.name] = str(error)
                    say(f"  {side.name} failed: {_last_line(error)}")
    if task.profile:
        _add_profiles(task, sides, result, say)
    return {**result, "summary": summary(result["values"])}


def summary(values):
    """{quantity: {side: {median, p10, p90}, ratio, ratio_by_round}}; old over ours."""
    made = {}
    for name, by_side in values.items():
        made[name] = {side: _spread(rounds) for side, rounds in by_side.items()}
        if {"ours", "old"} <= set(by_side):
            medians = {
                side: [float(np.median(one)) for one in rounds]
                for side, rounds in by_side.items()
            }
            old, ours = (made[name][side]["median"] for side in ("old", "ours"))
            made[name]["ratio"] = old / ours
            made[name]["ratio_by_round"] = [
                old / ours
                for old, ours in zip(medians["old"], medians["ours"], strict=False)
            ]
    return made


def _prepare(step, sides, errors, say):
    if step.made.exists() or step.side in errors:
        return
    say(f"  first: {step.module}, {step.side}")
    side = next(side for side in sides if side.name == step.side)
    try:
        with side.start(step.module, step.settings) as process:
            process.measure()
    except SideError as error:
        errors[step.side] = f"{step.module}: {error}"
        say(f"  {step.side} failed: {_last_line(error)}")


def _add_profiles(task, sides, result, say):
    """After all rounds and in processes of its own, since it costs time."""
    settings = {**task.settings, "of": task.module}
    for side in sides:
        if side.name in result["errors"]:
            continue
        say(f"  profile: {side.name}")
        try:
            with side.start(task.profile, settings) as process:
                shares = process.measure()
            result["profile"][side.name] = {
                part: round(share, 4)
                for part, share in shares.items()
                if share >= _LEAST_SHARE
            }
        except SideError as error:
            result["errors"][side.name] = f"profile: {error}"
            say(f"  the profile of {side.name} failed: {_last_line(error)}")


def _one_round(task, side, running, stack, result):
    """Adds a side's numbers to the result; starts its process where there is none."""
    load = [os.getloadavg()[0]]
    process = running.get(side.name)
    if process is None:
        process = stack.enter_context(side.start(task.module, task.settings))
        running[side.name] = process
        result["facts"][side.name] = process.facts
        result["versions"][side.name] = process.versions
    for name, numbers in process.measure().items():
        by_side = result["values"].setdefault(name, {})
        by_side.setdefault(side.name, []).append(numbers)
    if task.fresh:
        process.close()
        del running[side.name]
    load.append(os.getloadavg()[0])
    result["load_average"][side.name].append([round(value, 2) for value in load])


def _spread(rounds):
    p10, median, p90 = np.percentile(np.concatenate(rounds), [10, 50, 90])
    return {"median": float(median), "p10": float(p10), "p90": float(p90)}


def _last_line(error):
    return str(error).strip().splitlines()[-1]
