"""What is measured, with the targets, and what each measurement needs first.

Targets are ratios: how many times less time (or memory) ours shall need than the old
API, measured in the same run.
"""

import pathlib
from typing import NamedTuple

import engine_exporting

import configs

SCENES = 1000
_TRAINING_BATCH = {
    "ssd_mobilenet_v1_300": 8,
    "faster_rcnn_resnet101_640_300_proposals": 1,
}


class Quantity(NamedTuple):
    """One number of a task.

    Attributes:
      key: its name in what a side's round returns.
      label: for the table.
      unit: "ms", "s", "images/s" (from seconds an image) or "MB" (from bytes).
      target: the ratio to reach; None for none.
    """

    key: str
    label: str
    unit: str
    target: float | None = None


# How many times less time than the old API's SavedModel, by precision of OpenVINO.
_ENGINE_TARGETS = {
    "ssd_mobilenet_v1_300": {"float32": 2.5, "bfloat16": 4.0, "int8": 6.0},
    "ssd_resnet50_fpn_640": {"float32": 1.25, "bfloat16": 2.5, "int8": 4.0},
    "faster_rcnn_resnet101_640_300_proposals": {
        "float32": 1.2,
        "bfloat16": 2.2,
        "int8": 3.0,
    },
}
_NAMES = {"onnx": "ONNX Runtime", "openvino": "OpenVINO"}


class Step(NamedTuple):
    """Work of one side that must be done once before; `made` is then there."""

    module: str
    side: str
    settings: dict
    made: pathlib.Path


class Task(NamedTuple):
    """Something that both sides do.

    Attributes:
      name: for the command line and the results.
      module: of this folder, with the functions `ours` and `old`.
      settings: what they get.
      quantities: list of Quantity.
      steps: list of Step.
      fresh: every round has a process of its own.
      profile: the module that says where the time goes; "" for none.
    """

    name: str
    module: str
    settings: dict
    quantities: list
    steps: tuple = ()
    fresh: bool = False
    profile: str = ""


def all_tasks(output, seconds, bfloat16):
    """List of Task, short ones first.

    Args:
      output: the folder of results; configs are written into it.
      seconds: for how long a round of a side is measured, where that can be chosen.
      bfloat16: whether the processor multiplies in it.
    """
    made = _Maker(pathlib.Path(output), seconds)
    ssd, fpn, faster, few = configs.NETWORKS
    tasks = [
        made.postprocessing(1917, target=4.0),
        made.postprocessing(51150, target=7.0),
        made.coco("coco_evaluation", fast=True),
        made.coco("coco_evaluation_pycocotools", fast=False),
        made.input_pipeline(ssd, target=2.0),
    ]
    tasks += [made.exporting(network, target=4.0) for network in (ssd, fpn, faster)]
    tasks += [made.loading(network, 3.0, 2.0) for network in (ssd, fpn, faster)]
    targets = {ssd: 2.2, fpn: 1.5, faster: 1.4, few: None}
    tasks += [made.inference(n, target) for n, target in targets.items()]
    if bfloat16:
        tasks += [made.inference(n, 2.0, bfloat16=True) for n in (fpn, faster)]
    tasks += made.engines(bfloat16)
    tasks += [made.training(n, 1.5) for n in (ssd, faster)]
    if bfloat16:
        tasks += [made.training(n, 1.5, bfloat16=True) for n in (ssd, faster)]
    return [*tasks, made.start_up(ssd, target=2.5)]


class _Maker:
    """Makes tasks whose files are in one output folder."""

    def __init__(self, output, seconds):
        self._output, self._seconds = output, seconds
        self._data = output / "data"
        self._scenes = Step(
            "scenes",
            "ours",
            {"data": str(self._data), "scenes": SCENES},
            self._data / "label_map.pbtxt",
        )

    def postprocessing(self, anchors, target):
        title = f"postprocessing, {anchors:,} anchors x 90 classes"
        return Task(
            f"postprocessing_{anchors}",
            "postprocessing",
            {"anchors": anchors, "classes": 90, "seconds": self._seconds},
            [Quantity("seconds", title, "ms", target)],
        )

    def coco(self, name, fast):
        tool = "faster-coco-eval" if fast else "pycocotools, the default"
        title = f"COCO evaluation, 1,000 images x 100 detections (ours: {tool})"
        return Task(
            name,
            "coco_evaluation",
            {"images": 1000, "detections": 100, "fast": fast},
            [Quantity("seconds", title, "s", 6.0)],
        )

    def input_pipeline(self, network, target):
        title = "input pipeline, flip and SSD crops, 300 x 300"
        return Task(
            "input_pipeline",
            "input_pipeline",
            {"config": self._config(network, 32, "input"), "seconds": self._seconds},
            [Quantity("seconds", title, "images/s", target)],
            steps=(self._scenes,),
            profile="traces",
        )

    def exporting(self, network, target):
        return Task(
            f"exporting_{network}",
            "exporting",
            self._of(network),
            [
                Quantity("seconds", f"export, {network}", "s", target),
                Quantity("peak_bytes", f"memory to export, {network}", "MB"),
            ],
            steps=self._weights(network),
            fresh=True,
            profile="calls",
        )

    def loading(self, network, target, memory_target):
        memory = f"memory to load and run, {network}"
        return Task(
            f"loading_{network}",
            "loading",
            self._of(network),
            [
                Quantity("seconds", f"load, {network}", "s", target),
                Quantity("peak_bytes", memory, "MB", memory_target),
                Quantity("own_bytes", f"{memory}, without TensorFlow", "MB"),
            ],
            steps=self._exports(network),
            fresh=True,
        )

    def inference(self, network, target, bfloat16=False):
        settings = {**self._of(network), "seconds": self._seconds, "bfloat16": bfloat16}
        title = f"inference, {network}{_precision(bfloat16)}"
        folder = self._folder(network)
        count = Step(
            "counting", "ours", self._of(network), folder / "multiply_adds.json"
        )
        return Task(
            f"inference_{network}" + "_bfloat16" * bfloat16,
            "inference",
            settings,
            [Quantity("seconds", title, "ms", target)],
            steps=(*self._exports(network), count),
            profile="traces",
        )

    def engines(self, bfloat16):
        """Of OpenVINO in all precisions, and of ONNX Runtime, which has no target."""
        made = []
        for network, targets in _ENGINE_TARGETS.items():
            made.append(self._engine(network, "onnx", "float32", None))
            for precision, target in targets.items():
                if precision != "bfloat16" or bfloat16:
                    made.append(self._engine(network, "openvino", precision, target))
        return made

    def _engine(self, network, model_format, precision, target):
        bare = network.startswith("ssd_") and precision != "int8"
        settings = {
            **self._of(network),
            "seconds": self._seconds,
            "format": model_format,
            "precision": precision,
            "bare": bare,
            "open": model_format == "openvino",
        }
        title = f"inference, {network} (ours in {precision} by {_NAMES[model_format]})"
        quantities = [Quantity("seconds", title, "ms", target)]
        if bare:
            alone = f"{title}, network alone"
            quantities.append(Quantity("bare_seconds", alone, "ms"))
        if settings["open"]:
            all_sizes = f"{title}, for images of all sizes"
            quantities.append(Quantity("open_seconds", all_sizes, "ms"))
        made = engine_exporting.folder_of(settings)
        export = Step("engine_exporting", "ours", settings, made)
        return Task(
            f"engines_{network}_{model_format}_{precision}",
            "engines",
            settings,
            quantities,
            steps=(*self._exports(network), export),
            profile="engine_parts",
        )

    def training(self, network, target, bfloat16=False):
        size = _TRAINING_BATCH[network]
        settings = {
            "config": self._config(network, size, "training"),
            "batch_size": size,
            "side": configs.side_of(network),
            "seconds": self._seconds,
            "bfloat16": bfloat16,
        }
        title = f"training step at batch {size}, {network}{_precision(bfloat16)}"
        return Task(
            f"training_{network}" + "_bfloat16" * bfloat16,
            "training",
            settings,
            [Quantity("seconds", title, "images/s", target)],
            profile="traces",
        )

    def start_up(self, network, target):
        title = f"start to the end of the first training step, {network}"
        return Task(
            "start_up",
            "start_up",
            {"config": self._config(network, _TRAINING_BATCH[network], "training")},
            [Quantity("seconds", title, "s", target)],
            steps=(self._scenes,),
            fresh=True,
            profile="calls",
        )

    def _folder(self, network):
        return self._output / "models" / network

    def _config(self, network, batch_size, use):
        path = self._folder(network) / f"{use}.config"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(configs.text(network, data=self._data, batch_size=batch_size))
        return str(path)

    def _of(self, network):
        return {
            "folder": str(self._folder(network)),
            "config": self._config(network, 1, "pipeline"),
            "side": configs.side_of(network),
        }

    def _weights(self, network):
        """The old side's come first: ours take its names."""
        folder = self._folder(network)
        old = folder / "old" / "checkpoint" / "names.json"
        ours = folder / "ours" / "checkpoint" / "checkpoint"
        settings = self._of(network)
        return (
            self._scenes,
            Step("weights", "old", settings, old),
            Step("weights", "ours", settings, ours),
        )

    def _exports(self, network):
        folder, settings = self._folder(network), self._of(network)
        exports = [
            Step("exporting", side, settings, folder / side / "export" / "saved_model")
            for side in ("ours", "old")
        ]
        return (*self._weights(network), *exports)


def _precision(bfloat16):
    return " (ours in bfloat16)" if bfloat16 else ""
