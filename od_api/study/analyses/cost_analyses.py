"""What models cost: multiply-adds, memory, time, throughput."""

from od_api.study.analyses.accuracy_analyses import (
    fit_columns,
    of_common_resolution,
)
from od_api.study.analyses.analysis import (
    TIME,
    Analysis,
    Bar,
    Figure,
    Table,
    grouped,
    mean,
    median,
    number,
    point,
    power_line,
    present,
)
from od_api.study.analyses.fits import fit
from od_api.study.analyses.models import common_resolution

_GIGA, _MEBI = 1e9, 2.0**20


def gigas(model):
    """Billions of multiply-adds, or None."""
    return model.multiply_adds and model.multiply_adds / _GIGA


def mebibytes(model):
    """Peak memory in MiB, or None."""
    return model.memory_bytes and model.memory_bytes / _MEBI


def rate(model):
    """Billions of multiply-adds a millisecond of inference, or None."""
    if not model.multiply_adds or not model.time_ms:
        return None
    return gigas(model) / model.time_ms


def flops(study, published):
    """Multiply-adds against time."""
    models = [m for m in study.models if gigas(m) and m.time_ms]
    points = [point(m, gigas(m), m.time_ms) for m in models]
    law = fit(((p.x, p.y) for p in points), log=True)
    fits = Table("flops_fit", "Fit", fit_columns("of"), _fit_rows(law, "logarithms"))
    return Analysis(
        "flops",
        "Multiply-adds against time",
        "Multiply-adds of one image. The line is a power law, fitted to the "
        "logarithms; its exponent is the slope in the table of fits. The bars are the "
        "models of the resolution that most extractors have, each with its most "
        "proposals.",
        _law(law, "multiply-adds"),
        [_flops_table(models), fits, _rates(models)],
        [
            Figure(
                "flops",
                "Multiply-adds against time",
                "multiply-adds (10⁹)",
                TIME,
                **_with_law(points, law),
            ),
            _times_of_models(study),
        ],
    )


def _flops_table(models):
    models = sorted(models, key=lambda m: m.time_ms)
    rows = [[m.label, gigas(m), m.time_ms, rate(m), m.parameters] for m in models]
    columns = ["model", "multiply-adds (10⁹)", "time (ms)", "10⁹ multiply-adds/ms"]
    columns.append("parameters")
    return Table("flops", "Multiply-adds", columns, rows, [m.name for m in models])


def _times_of_models(study):
    timed = [m for m in of_common_resolution(study) if m.time_ms]
    timed.sort(key=lambda m: m.time_ms)
    return Figure(
        "time_of_models",
        "Time of each model at the common resolution",
        TIME,
        "",
        bars=[Bar(m.label, "time", m.time_ms, model=m.name) for m in timed],
    )


def _with_law(points, law):
    """Settings of a figure of points with their power law, all in logarithms."""
    return {
        "hue": "extractor",
        "shape": "meta-architecture",
        "log_x": True,
        "log_y": True,
        "points": points,
        "lines": present([power_line("least squares of the logarithms", points, law)]),
    }


def _fit_rows(result, name):
    return [[name, *result]] if result.n else []


def _law(law, what):
    if law.slope is None:
        return []
    return [
        f"Time grows as {what} to the power of {number(law.slope, 2)}; rank "
        f"correlation {number(law.spearman, 2)} ({law.n} models)."
    ]


def _rates(models):
    rows = [
        [name, len(of_it), median([rate(m) for m in of_it])]
        for name, of_it in grouped(models, lambda m: m.extractor)
    ]
    columns = ["extractor", "models", "median 10⁹ multiply-adds/ms"]
    return Table("flops_rate", "Multiply-adds a millisecond", columns, rows)


def memory_by_extractor(study):
    """[(extractor, [MiB of each model of the common resolution])].

    All numbers of proposals count: they are what the error bars are over.
    """
    common = common_resolution(study.models)
    models = [m for m in study.models if m.resolution == common and mebibytes(m)]
    groups = grouped(models, lambda m: m.extractor)
    return [(name, [mebibytes(m) for m in of_it]) for name, of_it in groups]


def memory(study, published):
    """Peak memory, by extractor and against time."""
    models = [m for m in study.models if mebibytes(m) and m.time_ms]
    points = [point(m, m.time_ms, mebibytes(m)) for m in models]
    law = fit(((p.x, p.y) for p in points), log=True)
    groups = memory_by_extractor(study)
    rows = [[name, len(of), min(of), mean(of), max(of)] for name, of in groups]
    columns = ["extractor", "models", "least (MiB)", "mean (MiB)", "most (MiB)"]
    bars = [Bar(name, "memory", mean(of), min(of), max(of)) for name, of in groups]
    unit, settings = "peak memory (MiB)", _with_law(points, law)
    return Analysis(
        "memory",
        "Memory",
        "Peak memory of inference at batch 1, as the benchmark measured it. Bars: mean "
        "of the models of the resolution that most extractors have, error bars from "
        "least to most over meta-architectures, strides and numbers of proposals.",
        _memory_findings(law),
        [
            _memory_table(study),
            Table("memory_by_extractor", "Memory by extractor", columns, rows),
            Table("memory_fit", "Fit", fit_columns("of"), _fit_rows(law, "logarithms")),
        ],
        [
            Figure("memory_by_extractor", "Memory", unit, "", bars=bars),
            Figure("memory_time", "Memory against time", TIME, unit, **settings),
        ],
    )


def _memory_findings(law):
    if law.spearman is None:
        return []
    return [
        f"Memory and time: rank correlation {number(law.spearman, 2)}, correlation "
        f"of the logarithms {number(law.pearson, 2)} ({law.n} models)."
    ]


def _memory_table(study):
    models = [m for m in study.models if mebibytes(m) or m.saved_model_bytes]
    rows = [
        [
            *(m.label, mebibytes(m), m.memory_kind, m.time_ms),
            _scaled(m.saved_model_bytes, _MEBI),
        ]
        for m in models
    ]
    columns = ["model", "peak memory (MiB)", "of", "time (ms)", "SavedModel (MiB)"]
    names = [m.name for m in models]
    return Table("memory", "Memory of each model", columns, rows, names)


def _scaled(value, unit):
    return value and value / unit


def latency(study, published):
    """How times spread, postprocessing's part of them, and larger batches."""
    timed = [m for m in study.models if m.time_ms is not None]
    timed.sort(key=lambda m: m.time_ms)
    columns = ["model", "median (ms)", "mean (ms)", "90 % (ms)", "99 % (ms)"]
    columns += ["postprocessing (ms)", "postprocessing (%)", "machine"]
    rows = [
        [
            *(m.label, m.time_ms, m.mean_ms, m.p90_ms, m.p99_ms, m.postprocessing_ms),
            *(_share(m.postprocessing_ms, m.time_ms), m.machine),
        ]
        for m in timed
    ]
    batches = sorted({size for m in timed for size in m.throughput})
    faster = [
        [m.label, *(m.throughput.get(size) for size in batches)]
        for m in timed
        if m.throughput
    ]
    names = [m.name for m in timed]
    return Analysis(
        "latency",
        "Time of one image, and throughput",
        "Time at batch 1, postprocessing included and also apart: median, mean and the "
        "times that 90 % and 99 % of the images do not exceed.",
        [],
        [
            Table("latency", "Time of one image", columns, rows, names),
            Table(
                "throughput",
                "Images a second at larger batches",
                ["model", *(f"batch {size}" for size in batches)],
                faster,
                [m.name for m in timed if m.throughput],
            ),
        ],
        [],
    )


def _share(part, whole):
    return None if part is None or not whole else 100.0 * part / whole
