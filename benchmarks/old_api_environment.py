"""An environment in which the old TF Object Detection API runs, from PyPI.

    python benchmarks/old_api_environment.py TARGET_DIR [--python PYTHON3.11]

Makes TARGET_DIR/venv (about 3 GB) with the last release and the TensorFlow that it was
made for, and TARGET_DIR/overlay, a copy of the two packages that do not work as they
are: modules of the schema are made anew from the descriptors they hold (the documented
cure for them, protobuf in Python, makes the old API several times slower to load), and
tf_slim finds two functions where TensorFlow has them now. What is there already is
kept; `--only-overlay` makes the second part alone, with any Python that has the
packages.
"""

import argparse
import pathlib
import subprocess

PREPARE = pathlib.Path(__file__).parents[1] / "tests" / "golden" / "prepare_old_api.py"
# TensorFlow and what it, the old API and its metrics import.
PACKAGES = (
    "tensorflow==2.15.1",
    "numpy<2",
    "pycocotools",
    "matplotlib",
    "pillow",
    "six",
    "scipy",
    "pandas",
    "lxml",
    "typeguard<3",
)
# What these ask for is not installed: most of it is never imported, and some of it
# wants another TensorFlow.
WITHOUT_DEPENDENCIES = (
    "tf-models-research-object-detection==2.8.0.post1",
    "tensorflow-addons==0.23.0",
    "tf_slim==1.1.0",
    "lvis",
    "contextlib2",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=pathlib.Path)
    parser.add_argument("--python", default="python3.11", help="makes the environment")
    parser.add_argument("--only-overlay", metavar="PYTHON", help="that has the wheels")
    args = parser.parse_args()
    python = args.only_overlay or install(args.target / "venv", args.python)
    overlay = args.target / "overlay"
    subprocess.run([python, PREPARE, overlay], check=True)
    check(python, overlay)
    print(f"--old-python {python} --old-path {overlay}")


def install(folder, python):
    """The environment's Python."""
    if not folder.exists():
        subprocess.run([python, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, *PACKAGES], check=True)
    subprocess.run([*pip, "--no-deps", *WITHOUT_DEPENDENCIES], check=True)
    return python


def check(python, overlay):
    """Reads a config with it, which no wheel as installed can."""
    code = (
        "from object_detection.protos import pipeline_pb2; import tf_slim; "
        "pipeline_pb2.TrainEvalPipelineConfig(train_config={'batch_size': 1})"
    )
    environment = {"PYTHONPATH": str(overlay), "TF_CPP_MIN_LOG_LEVEL": "2"}
    subprocess.run([python, "-c", code], check=True, env=environment)


if __name__ == "__main__":
    main()
