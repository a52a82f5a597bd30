"""What changes batches of training, small enough for a test: schemes, chips, sizes."""

import tiny

from od_api.config.loading import load_config
from od_api.data.write_chips import write_chips

SCALES = "batch_schemes { multi_scale { sizes: [64, 96] } }"
# With these numbers every other of the first batches is stitched.
STITCHER = "tau: 0.5 small_area: 400"
# In train_config.
SCHEMES = {
    "mixup": "batch_schemes { mixup {} }",
    "both": "batch_schemes { mixup {} } " + SCALES,
    "stitcher": f"batch_schemes {{ stitcher {{ {STITCHER} }} }}",
    "sizes_stitched": f"{SCALES} batch_schemes {{ stitcher {{ {STITCHER} }} }}",
    "stitched_batch": f"batch_schemes {{ stitcher {{ mode: BATCH {STITCHER} }} }}",
}
# Small objects in chips of enlarged images, large ones in whole images (SNIP).
CHIPS = """
  chips {
    index_path: "INDEX"
    scales { min_dimension: 256 max_dimension: 256 chip_size: 96 high: 40 }
    scales { min_dimension: 96 max_dimension: 96 chip_size: 0 low: 30 }
  }
"""
# What a stage learns is measured in pixels of the image's file.
SIZE_RANGE = """
    objective {
      matched { ignore_rules { size_range { low: 10 high: 90 skip_images: false } } }
    }
"""


def write_config(folder, data, schemes):
    """The tiny config with batch schemes; returns its path."""
    folder.mkdir(exist_ok=True)
    return tiny.write_config(
        folder, data, "train_config {", f"train_config {{ {schemes}"
    )


def config_of(folder, data, schemes):
    """`write_config`, loaded."""
    return load_config(write_config(folder, data, schemes))


def with_chips(folder, data, schemes=""):
    """The tiny config with chips, their index, a size range and batch schemes; returns
    its path."""
    path = tiny.write_config(
        folder, data, "    box_coder {", SIZE_RANGE + "box_coder {"
    )
    path = path.rename(folder / "chips.config")
    chips = CHIPS.replace("INDEX", str(folder / "index.chips"))
    text = path.read_text()
    path.write_text(
        text.replace("train_input_reader {", f"train_input_reader {{ {chips}").replace(
            "train_config {", f"train_config {{ {schemes}"
        )
    )
    write_chips(load_config(path))
    return path
