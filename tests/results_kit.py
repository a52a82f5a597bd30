"""Twelve cells whose frontier, fits and changes can be worked out by hand.

| cell                       | ms  | mAP |                                 |
|----------------------------|-----|-----|---------------------------------|
| ssd_mobilenet_v1_300       |  20 | 19  | frontier, fastest               |
| ssd_mobilenet_v1_600       |  45 | 24  | frontier                        |
| ssd_resnet101_300          |  50 | 22  |                                 |
| faster_resnet101_300 @ 10  |  60 | 24  | no more than an earlier one     |
| faster_mobilenet_v1_300    |  70 | 20  |                                 |
| rfcn_resnet101_300 @ 10    |  76 | 27  | frontier                        |
| faster_resnet101_300 @ 100 |  80 | 29  | frontier, sweet spot            |
| rfcn_resnet101_300         |  80 | 28  | as fast, but less accurate      |
| faster_resnet101_300       | 100 | 30  | frontier                        |
| faster_mobilenet_v1_600    | 105 | 23  |                                 |
| ssd_resnet101_600          | 110 | 27  |                                 |
| rfcn_resnet101_600         | 120 | 31  | frontier                        |
| faster_resnet101_600       | 150 | 33  | frontier                        |
| faster_resnet101_600_s8    | 250 | 35  | frontier, most accurate         |
| rfcn_mobilenet_v1_300      |     |     | failed in training              |
"""

import json

FRONTIER = [
    "ssd_mobilenet_v1_300",
    "ssd_mobilenet_v1_600",
    "rfcn_resnet101_300@10",
    "faster_resnet101_300@100",
    "faster_resnet101_300",
    "rfcn_resnet101_600",
    "faster_resnet101_600",
    "faster_resnet101_600_s8",
]
MACHINE = {
    "cpu": "a processor",
    "cores": 2,
    "gpu": None,
    "threads": 2,
    "versions": {"tensorflow": "2.21.0", "od_api": "0.1.0"},
}
_META = {"ssd": "ssd", "faster": "faster_rcnn", "rfcn": "rfcn"}


def results():
    """The twelve, as the runner writes them."""
    cells = [
        _result("ssd_mobilenet_v1_300", 20, 0.19),
        _result("ssd_mobilenet_v1_600", 45, 0.24),
        _result("ssd_resnet101_300", 50, 0.22),
        _result("ssd_resnet101_600", 110, 0.27),
        _result("faster_mobilenet_v1_300", 70, 0.20),
        _result("faster_mobilenet_v1_600", 105, 0.23),
        _result("faster_resnet101_300", 100, 0.30),
        _result("faster_resnet101_600", 150, 0.33),
        _result("faster_resnet101_600_s8", 250, 0.35),
        _result("rfcn_resnet101_300", 80, 0.28),
        _result("rfcn_resnet101_600", 120, 0.31),
        _failed("rfcn_mobilenet_v1_300"),
    ]
    by_name = {c["cell"]["name"]: c for c in cells}
    by_name["faster_resnet101_300"]["by_num_proposals"] = [
        {"num_proposals": 10, "mAP": 0.24, "median_ms": 60.0},
        {"num_proposals": 100, "mAP": 0.29, "median_ms": 80.0},
        {"num_proposals": 300, "mAP": 0.30, "median_ms": 101.0},
    ]
    by_name["rfcn_resnet101_300"]["by_num_proposals"] = [
        {"num_proposals": 10, "mAP": 0.27, "median_ms": 76.0}
    ]
    return cells


def write(folder, cells=None):
    """Writes the results as a folder of them; returns it."""
    for cell in cells or results():
        path = folder / cell["cell"]["name"] / "result.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(cell))
    return folder


def _cell(name):
    meta, extractor, resolution, *more = name.replace("_v1", "v1").split("_")
    return {
        "name": name,
        "meta_architecture": _META[meta],
        "feature_extractor": extractor.replace("v1", "_v1"),
        "resolution": int(resolution),
        "output_stride": None if meta == "ssd" else 8 if more else 16,
        "num_proposals": None if meta == "ssd" else 300,
        "precision": "FLOAT32",
    }


def _failed(name):
    error = {"stage": "train", "message": "the loss is not finite </script>"}
    return {"cell": _cell(name), "error": error}


def _result(name, time, accuracy):
    """AP@.75 is 1.1 mAP exactly; AP@.50 is not a straight line of it."""
    prefix = "DetectionBoxes_"
    return {
        "cell": _cell(name),
        "accuracy": {
            f"{prefix}Precision/mAP": accuracy,
            f"{prefix}Precision/mAP@.50IOU": accuracy + 0.2 + 0.01 * (time % 3),
            f"{prefix}Precision/mAP@.75IOU": 1.1 * accuracy,
            f"{prefix}Precision/mAP (small)": accuracy / 4,
            f"{prefix}Precision/mAP (medium)": accuracy,
            f"{prefix}Precision/mAP (large)": accuracy * 1.5,
            f"{prefix}Recall/AR@100": accuracy + 0.1,
        },
        "per_class": {"box": accuracy + 0.05, "ball": accuracy - 0.05, "none": None},
        "latency": {
            "images": 500,
            "warm_up": 10,
            "median_ms": float(time),
            "mean_ms": time + 1.0,
            "p90_ms": time + 2.0,
            "p99_ms": time + 5.0,
            "postprocessing_median_ms": 4.0,
        },
        "throughput": [{"batch_size": 8, "images_per_second": 1500.0 / time}],
        "parameters": 3_000_000 if "mobilenet" in name else 45_000_000,
        # Twice as dense as MobileNet's.
        "multiply_adds": time * (10**8 if "mobilenet" in name else 2 * 10**8),
        "peak_memory_bytes": time * 2**22,
        "peak_memory_kind": "resident set",
        "saved_model_bytes": 20 * 2**20,
        "machine": {**MACHINE, "load_average": [time / 100, 0.5, 0.5]},
        "error": None,
    }
