"""The Markdown of a result.json."""

_SIDES = ("ours", "old")
# Of a profile.
_MOST_PARTS, _LEAST_SHARE = 10, 0.03
# unit: from a stored value
_UNITS = {
    "ms": lambda seconds: 1e3 * seconds,
    "s": lambda seconds: seconds,
    "images/s": lambda seconds: 1 / seconds,
    "MB": lambda size: size / 2**20,
}


def markdown(result):
    """Tables: ratios, shares of the matmul rate, profiles, what was found, errors."""
    tables = (_ratios, _shares, _profiles, _facts, _errors)
    parts = [_head(result), *(made(result) for made in tables)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(result):
    machine = result["machine"]
    loads = [
        load
        for task in result["tasks"].values()
        for rounds in task["load_average"].values()
        for pair in rounds
        for load in pair
    ]
    busy = f", load average {min(loads)} to {max(loads)}" if loads else ""
    versions = [
        f"{side}: " + ", ".join(f"{k} {v}" for k, v in sorted(of_side.items()))
        for side, of_side in result["versions"].items()
    ]
    return "  \n".join([f"{machine['cpu']}, {machine['cores']} cores{busy}", *versions])


def _ratios(result):
    """Medians with 10th and 90th percentiles; a ratio above 1 means ours is better."""
    rows = []
    for task in result["tasks"].values():
        for quantity in task["quantities"]:
            found = task["summary"].get(quantity["key"], {})
            missing = "failed" if task["errors"] else "-"
            cells = [
                _cell(found[side], quantity["unit"]) if side in found else missing
                for side in _SIDES
            ]
            ratio, target = found.get("ratio"), quantity["target"]
            rows.append(
                [
                    quantity["label"],
                    *cells,
                    f"{ratio:.2f}" if ratio else "-",
                    f"{target:g}" if target else "-",
                    _reached(ratio, target),
                ]
            )
    heads = ["what", "ours", "old", "ratio", "target", "reached"]
    return _table(heads, rows)


def _reached(ratio, target):
    if not ratio or not target:
        return "-"
    return "yes" if ratio >= target else "no"


def _cell(spread, unit):
    median, *ends = (_UNITS[unit](spread[k]) for k in ("median", "p10", "p90"))
    low, high = sorted(ends)
    return f"{_short(median)} {unit} ({_short(low)} to {_short(high)})"


def _short(value):
    """Three digits, and no exponent."""
    return f"{value:.{max(0, 3 - len(str(int(value))))}f}"


def _shares(result):
    rows = []
    for name, task in result["tasks"].items():
        if "multiply_adds" in task:
            shares = [task["share_of_matmul"].get(side) for side in _SIDES]
            rows.append(
                [
                    name,
                    f"{2 * task['multiply_adds'] / 1e9:.2f}",
                    f"{task['matmul_flops_per_second'] / 1e9:.0f}",
                    *("-" if s is None else f"{100 * s:.0f} %" for s in shares),
                ]
            )
    heads = ["network", "GFLOP", "matmul, GFLOP/s", "ours, share of it", "old"]
    return _table(heads, rows)


def _profiles(result):
    """The parts that take most of a round's time, on both sides."""
    rows = []
    for name, task in result["tasks"].items():
        for side, shares in task["profile"].items():
            most = list(shares.items())[:_MOST_PARTS]
            parts = [f"{n} {100 * s:.0f} %" for n, s in most if s >= _LEAST_SHARE]
            rows.append([name, side, ", ".join(parts)])
    return _table(["task", "side", "where the time goes"], rows)


def _facts(result):
    """What came out on both sides, for the reader to see that the work was the same."""
    rows = []
    for name, task in result["tasks"].items():
        keys = dict.fromkeys(key for facts in task["facts"].values() for key in facts)
        for key in keys:
            values = [str(task["facts"].get(side, {}).get(key, "-")) for side in _SIDES]
            rows.append([name, key, *values])
    return _table(["task", "found", "ours", "old"], rows)


def _errors(result):
    rows = [
        [name, side, text.strip().splitlines()[-1].replace("|", "\\|")]
        for name, task in result["tasks"].items()
        for side, text in task["errors"].items()
    ]
    return _table(["task", "side", "error"], rows)


def _table(heads, rows):
    if not rows:
        return ""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
