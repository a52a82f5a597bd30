"""The same detectors in every engine, in turn with the old API on one machine.

    python benchmarks/engines.py OUTPUT_DIR --old-python PYTHON --old-path OVERLAY \
        [--rounds N] [--seconds S] [--again]

Three detectors on ONNX Runtime and OpenVINO, in float32, bfloat16 and int8,
postprocessing included, with the time of the SSDs' networks alone beside it; the old
side is its SavedModel. These are the tasks of versus_the_old_api.py that begin with
`engines`: it says what the arguments are and what is written. A table of docs/speed.md
is made from engines.json.
"""

import sys

import versus_the_old_api

if __name__ == "__main__":
    sys.argv[1:] = [*sys.argv[1:], "--only", "engines"]
    versus_the_old_api.main()
