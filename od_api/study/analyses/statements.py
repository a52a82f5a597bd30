"""Statements of the study, each asked of measured models: `STATEMENTS`."""

from typing import NamedTuple

from od_api.study.analyses.accuracy_analyses import (
    extractor_fits,
    localisation_fits,
)
from od_api.study.analyses.analysis import (
    grouped,
    mean,
    median,
    number,
    present,
)
from od_api.study.analyses.cost_analyses import mebibytes, rate
from od_api.study.analyses.fits import fit
from od_api.study.analyses.frontier_analyses import matching_model
from od_api.study.analyses.models import Study, full_models
from od_api.study.analyses.proposal_analyses import kept, proposal_series
from od_api.study.analyses.setting_analyses import changes, pairs_along
from od_api.study.grid import published_results as printed
from od_api.study.grid.published import EXTRACTORS


class Trend(NamedTuple):
    """One statement of the study.

    Attributes:
      statement: in our words.
      published: its number as a string, or "" where it is a matter of order.
      measured: the same here, as a string; None if nothing was measured for it.
      agrees: whether the order or the direction is the study's; None if unknown.
    """

    statement: str
    published: str
    measured: str | None
    agrees: bool | None


def _faster_architectures(models):
    times = {
        name: mean(m.time_ms for m in of_it)
        for name, of_it in grouped(full_models(models), lambda m: m.meta_architecture)
    }
    for name in ("SSD", "R-FCN"):
        statement = f"{name} is faster on average than Faster R-CNN"
        pair = times.get(name), times.get("Faster R-CNN")
        yield _order(statement, "", pair, "{:.1f} and {:.1f} ms", pair[0], pair[1])


def _order(statement, number_printed, values, text, smaller, larger):
    """A Trend that agrees if `smaller` is less than `larger`."""
    if None in values:
        return Trend(statement, number_printed, None, None)
    return Trend(statement, number_printed, text.format(*values), smaller < larger)


def _critical_order(models):
    pairs = [(p.minival, matching_model(p, models)) for p in printed.CRITICAL_POINTS]
    pairs = [(accuracy, m.map) for accuracy, m in pairs if m is not None]
    ranks = fit(pairs).spearman
    measured = ranks and f"rank correlation {ranks:.2f} of {len(pairs)} models"
    yield Trend(
        "Order of mAP of Table 3's models",
        "",
        measured if ranks is not None else None,
        None if ranks is None else ranks > 0,
    )


def _bigger_extractors(models):
    """Rank correlations with Table 2's parameters, of the extractors' medians."""
    for name, field in (("parameters", "parameters"), ("memory", "memory_bytes")):
        groups = grouped(full_models(models), lambda m: m.extractor)
        pairs = [
            (EXTRACTORS[extractor].parameters, median([getattr(m, field) for m in of]))
            for extractor, of in groups
            if extractor in EXTRACTORS
        ]
        result = fit(pairs)
        ranks = result.spearman
        measured = f"rank correlation {number(ranks, 2)} of {result.n} extractors"
        yield Trend(
            f"Detectors' {name} in the order of the extractors' parameters (Table 2)",
            "",
            None if ranks is None else measured,
            None if ranks is None else ranks > 0,
        )


def _ssd_needs_extractor_less(models):
    slopes = {k: f.slope for k, f in extractor_fits(Study(models, [], [])).items()}
    for name in ("Faster R-CNN", "R-FCN"):
        pair = slopes.get("SSD"), slopes.get(name)
        statement = f"SSD's mAP depends less on the extractor than {name}'s"
        text = "{:.2f} and {:.2f} points of mAP per point of top-1"
        yield _order(statement, "", pair, text, *pair)


def _large_objects(models):
    pairs = [(m.map_small, m.map_large) for m in models]
    pairs = [p for p in pairs if None not in p]
    better = sum(small < large for small, large in pairs)
    measured = f"{better} of {len(pairs)} models" if pairs else None
    yield Trend(
        "Large objects are found better than small ones by every model",
        "",
        measured,
        better == len(pairs) if pairs else None,
    )


def _halving(models):
    pairs = [(b, a) for a, b in pairs_along(models, "resolution")]
    pairs = [(b, a) for b, a in pairs if b.resolution == 2 * a.resolution]
    for name, field, value in (
        ("mAP", "map", printed.ACCURACY_LOST_BY_HALVING),
        ("time", "time_ms", printed.TIME_SAVED_BY_HALVING),
    ):
        yield _less("Half the side of the image", name, pairs, field, -value)


def _less(what, name, pairs, field, value):
    """A Trend about the mean change of a field over pairs; agrees if its sign does."""
    changed = mean(changes(pairs, field))
    n = len(present(changes(pairs, field)))
    measured = None if changed is None else f"{changed:+.1f} % (mean, {n} compared)"
    agrees = None if changed is None else changed * value > 0
    return Trend(f"{what} changes {name}", f"{value:+.2f} %", measured, agrees)


def _stride(models):
    pairs = [(b, a) for a, b in pairs_along(models, "stride")]
    pairs = [(b, a) for b, a in pairs if (b.stride, a.stride) == (16, 8)]
    for name, field, value in (
        ("mAP", "map", printed.ACCURACY_GAINED_BY_STRIDE),
        ("time", "time_ms", printed.TIME_ADDED_BY_STRIDE),
    ):
        yield _less("Stride 8 instead of 16", name, pairs, field, value)


def _shares(models, meta, proposals, field, extractor=None):
    """Percent that models keep with some of 300 proposals."""
    return [
        kept(full, m, field)
        for full, members in proposal_series(models)
        for m in members
        if full.meta_architecture == meta
        and full.proposals == 300
        and m.proposals == proposals
        and extractor in (None, m.extractor)
    ]


def _fewer_proposals(models):
    for name, field, value in (
        ("mAP", "map", printed.ACCURACY_KEPT_AT_50),
        ("time", "time_ms", printed.TIME_KEPT_AT_50),
    ):
        share = mean(_shares(models, "Faster R-CNN", 50, field, "Inception-ResNet-v2"))
        yield Trend(
            f"{name} that Faster R-CNN with Inception-ResNet-v2 keeps with 50 of 300 "
            "proposals",
            f"{value:.0f} %",
            None if share is None else f"{share:.1f} %",
            None if share is None else share < 100,
        )
    shares = [
        mean(_shares(models, meta, 10, "time_ms")) for meta in ("Faster R-CNN", "R-FCN")
    ]
    yield _order(
        "Fewer proposals save Faster R-CNN more time than R-FCN (time kept, 10 of 300)",
        "",
        shares,
        "{:.0f} and {:.0f} %",
        *shares,
    )


def _dense_networks(models):
    rates = {
        name: median([rate(m) for m in models if m.extractor == name])
        for name in ("ResNet-101", "MobileNet", "Inception V2")
    }
    for name in ("MobileNet", "Inception V2"):
        pair = rates[name], rates["ResNet-101"]
        statement = f"{name} does fewer multiply-adds a millisecond than ResNet-101"
        yield _order(statement, "", pair, "{:.3f} and {:.3f} · 10⁹", *pair)


def _memory(models):
    result = fit((m.time_ms, m.memory_bytes) for m in models)
    ranks = result.spearman
    yield Trend(
        "Memory goes with time",
        "",
        None if ranks is None else f"rank correlation {ranks:.2f} of {result.n} models",
        None if ranks is None else ranks > 0,
    )
    sizes = present(mebibytes(m) for m in models if m.extractor == "MobileNet")
    limit = printed.MOBILENET_MEMORY_GB * 1e9 / 2**20
    below = sum(size < limit for size in sizes)
    yield Trend(
        "MobileNet's models need less memory than 1 GB, nearly all of them",
        f"{printed.MOBILENET_MEMORY_GB:.0f} GB",
        f"{below} of {len(sizes)} models, at most {number(max(sizes), 0)} MiB"
        if sizes
        else None,
        2 * below > len(sizes) if sizes else None,
    )


def _thresholds(models):
    fits = localisation_fits(models)
    pair = tuple(f.r_squared for f in fits.values())
    yield _order(
        "AP@.75 follows overall AP more closely than AP@.50 (R² of both)",
        f"AP@.75: above {printed.R_SQUARED_OF_75}",
        pair[::-1],
        "{:.4f} and {:.4f}",
        *pair,
    )


# Each takes the models of a study and yields Trends.
STATEMENTS = (
    _faster_architectures,
    _critical_order,
    _bigger_extractors,
    _ssd_needs_extractor_less,
    _large_objects,
    _halving,
    _stride,
    _fewer_proposals,
    _dense_networks,
    _memory,
    _thresholds,
)
