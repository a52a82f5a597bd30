"""The table of `od-api init --list`."""

from od_api.init.detector_choices import DEFAULT, choices, model_of, size_text


def detector_table(measured):
    """Text: a line for each detector.

    Args:
      measured: {name: Measured}, of those that were.
    """
    head = ("detector", "input", "COCO mAP published", "parameters", "ms an image here")
    rows = [head]
    for name, choice in choices().items():
        published = choice.published()
        seen = measured.get(name)
        mark = " (default)" if name == DEFAULT else ""
        rows.append(
            (
                f"{name}{mark}",
                size_text(model_of(choice.config())),
                "-" if published is None else f"{published:g}",
                f"{seen.parameters / 1e6:.1f} M" if seen else "-",
                f"{seen.milliseconds:g}" if seen else "-",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
