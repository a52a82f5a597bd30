"""The images of an evaluation that is asked what is wrong, and what it writes."""

from typing import NamedTuple

from od_api.evaluation.page import evaluation_page
from od_api.evaluation.page.worst_images import WorstImages
from od_api.evaluation.saved_detections import SavedDetections
from od_api.metrics.diagnosis.bootstrap import SAMPLES
from od_api.metrics.diagnosis.diagnosis import Diagnosing
from od_api.metrics.diagnosis.diagnosis_text import as_text

DETECTIONS = "detections.json"


class DiagnosisOptions(NamedTuple):
    """What is wanted of a diagnosis.

    Attributes:
      samples: of the images, for intervals; 0: none.
      every_class: all classes are printed, however many.
    """

    samples: int = SAMPLES
    every_class: bool = False


class DiagnosedImages:
    """Collects images; then writes report.html, and detections.json beside it.

    Args:
      label_map: LabelMap.
      eval_config: EvalConfig, or None.
      options: DiagnosisOptions.
      folder: where to; None writes nothing.
      saves: whether there is to be a detections.json.
    """

    def __init__(self, label_map, eval_config, options, *, folder=None, saves=True):
        self._label_map, self._folder = label_map, folder
        self._every_class = options.every_class
        self._diagnosing = Diagnosing(label_map, eval_config, options.samples)
        self._worst = WorstImages(label_map) if folder else None
        self._saved = None
        if folder and saves:
            self._saved = SavedDetections(folder / DETECTIONS, asked_for=False)

    def add(self, number, image):
        """One image of `per_image`, and the id that it counts under."""
        badness = self._diagnosing.add(number, image)
        if self._worst and "pixels" in image:
            self._worst.add(badness, image)
        if self._saved:
            self._saved.add(image["source_id"], image["detections"], self._label_map)

    def result(self, evaluators):
        """The Diagnosis."""
        return self._diagnosing.result(evaluators)

    def write(self, report, diagnosis):
        """Writes the page, given what `evaluation_report.write` returned.

        Returns:
          Text for the console, behind the metrics.
        """
        best = diagnosis.report["threshold"]
        pictures = self._worst.pictures(best["score"] if best else 0.0)
        page = evaluation_page.write(self._folder, report, diagnosis, pictures)
        if self._saved:
            self._saved.write()
        text = as_text(diagnosis.report, self._every_class)
        return f"\n{text}\n\n{page} shows more"
