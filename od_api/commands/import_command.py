"""`od-api import-checkpoint`: its arguments, and what it prints."""

import json

from od_api.system import shipped
from od_api.system.arguments import add_overrides


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    parser.add_argument(
        "source",
        help="a checkpoint, frozen graph, SavedModel, .npz, .tflite or .h5 file",
    )
    parser.add_argument(
        "--config",
        required=True,
        type=shipped.found,
        help="path of the pipeline.config, or the name of a shipped one",
    )
    add_overrides(parser)
    parser.add_argument("--out", required=True, help="directory to create")
    parser.add_argument(
        "--type",
        choices=("classification", "detection", "full"),
        default="",
        help="what to take, as fine_tune_checkpoint_type (default: what there is)",
    )
    parser.add_argument(
        "--moving-averages",
        action="store_true",
        help="take the averages of the weights that the source keeps",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.set_defaults(func=_import)


def _import(args):
    from od_api import load_config
    from od_api.checkpoints.importing.import_report import report_text
    from od_api.import_checkpoint import import_checkpoint

    report = import_checkpoint(
        load_config(args.config, args.overrides),
        args.source,
        args.out,
        kind=args.type,
        moving_averages=args.moving_averages,
    )
    as_text = args.format == "text"
    print(report_text(report) if as_text else json.dumps(report, indent=1))
