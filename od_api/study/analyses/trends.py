"""What the study says in words and numbers, beside what was measured here."""

from od_api.study.analyses.analysis import Analysis, Table
from od_api.study.analyses.statements import STATEMENTS
from od_api.study.grid.published_results import SOURCE


def trends(study, published):
    """Every statement that the study's text makes and this data can be asked about."""
    found = [trend for make in STATEMENTS for trend in make(study.models)]
    known = [t for t in found if t.agrees is not None]
    rows = [
        [
            t.statement,
            t.published or "order only",
            t.measured,
            {True: "yes", False: "no", None: None}[t.agrees],
        ]
        for t in found
    ]
    columns = ["statement of the study", "published", "measured", "order agrees"]
    return Analysis(
        "trends",
        "The study's statements",
        f"What {SOURCE} says, and the same measured here. Agreement is about "
        "orders and directions: data, training and machine differ, and so do numbers. "
        "Where the study shows a figure without numbers there is no rank correlation "
        "to compute.",
        [f"{sum(t.agrees for t in known)} of {len(known)} measured statements agree."]
        if known
        else [],
        [Table("trends", "Statements", columns, rows)],
        [],
    )
