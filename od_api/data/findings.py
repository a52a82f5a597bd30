"""What the validator found, for people and for programs."""

import collections
import dataclasses
import json

from od_api.core.printable import printable

SEVERITIES = ("error", "warning", "note")
# Findings of one kind that the text spells out; JSON has all of them.
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Attributes:
      severity: error (training on it fails or learns nonsense), warning (probably not
        what was meant) or note.
      kind: the sort of finding, a short name that stays the same.
      detail: what it is, with the numbers.
      file: the TFRecord; empty if the finding concerns the whole set.
      record: index of the record in the file, from 0; None for the whole file.
      source_id: the record's source_id, or its file name.
    """

    severity: str
    kind: str
    detail: str
    file: str = ""
    record: int | None = None
    source_id: str = ""

    def __str__(self):
        place = self.file
        if self.record is not None:
            place += f" record {self.record}"
        if self.source_id:
            place += f" ({self.source_id})"
        parts = (self.kind, place, self.detail) if place else (self.kind, self.detail)
        return printable(": ".join(parts))


@dataclasses.dataclass
class Report:
    """All findings of one run of the validator, and what it looked at.

    Attributes:
      findings: list of `Finding`.
      files: TFRecord files.
      records: records that were read.
      decoded: images that were decoded.
      boxes: boxes in those records.
      per_class: boxes by class name.
    """

    findings: list[Finding] = dataclasses.field(default_factory=list)
    files: int = 0
    records: int = 0
    decoded: int = 0
    boxes: int = 0
    per_class: collections.Counter = dataclasses.field(
        default_factory=collections.Counter
    )

    def add(self, severity, kind, detail, **place):
        """Appends a finding; `place` is file, record and source_id of `Finding`."""
        self.findings.append(Finding(severity, kind, detail, **place))

    @property
    def errors(self):
        """The findings that make the records unfit for training."""
        return self._of("error")

    @property
    def warnings(self):
        """The findings that are probably not what was meant."""
        return self._of("warning")

    @property
    def notes(self):
        """The findings that are worth knowing."""
        return self._of("note")

    def _of(self, severity):
        return [f for f in self.findings if f.severity == severity]

    def to_text(self, shown=_SHOWN):
        """Counts of what was read, then `shown` findings of each kind, errors first."""
        lines = []
        if self.files:
            lines.append(
                f"{self.records} records in {self.files} files, {self.decoded} images "
                f"decoded, {self.boxes} boxes"
            )
        lines += [
            f"  {printable(n)}: {count}" for n, count in self.per_class.most_common()
        ]
        for severity in SEVERITIES:
            lines += self.lines(severity, shown)
        totals = [f"{len(self._of(s))} {s}s" for s in SEVERITIES]
        return "\n".join([*lines, ", ".join(totals)])

    def lines(self, severity, shown=_SHOWN, kinds=None):
        """One line a finding, and one a kind for those past the first `shown`.

        Args:
          severity: of the findings.
          shown: as above.
          kinds: only these; None for all.
        """
        found = collections.defaultdict(list)
        for finding in self._of(severity):
            if kinds is None or finding.kind in kinds:
                found[finding.kind].append(finding)
        lines = []
        for kind, findings in found.items():
            lines += [f"{severity}: {finding}" for finding in findings[:shown]]
            if len(findings) > shown:
                lines.append(f"{severity}: {kind}: {len(findings) - shown} more")
        return lines

    def to_json(self):
        """Everything, as text: the counts, and `findings` as a list of objects."""
        # A dict, since asdict cannot rebuild a Counter.
        plain = dataclasses.replace(self, per_class=dict(self.per_class))
        return json.dumps(
            {**dataclasses.asdict(plain), "ok": not self.errors}, indent=2
        )
