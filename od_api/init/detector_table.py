"""The table of `od-api init --list`."""

from od_api.init.detector_choices import DEFAULT, choices, model_of, size_text


def detector_table():
    """Text: a line for each detector."""
    rows = [("detector", "input", "COCO mAP published")]
    for name, choice in choices().items():
        published = choice.published()
        mark = " (default)" if name == DEFAULT else ""
        rows.append(
            (
                f"{name}{mark}",
                size_text(model_of(choice.config())),
                "-" if published is None else f"{published:g}",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
