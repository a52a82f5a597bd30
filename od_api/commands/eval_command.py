"""`od-api eval`: its arguments, and what they mean together."""

from od_api.core.errors import UserError
from od_api.system.arguments import add_config, add_tiles


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    add_config(parser, optional=True)
    parser.add_argument(
        "checkpoint", nargs="?", help="a checkpoint, or a directory of them"
    )
    parser.add_argument(
        "--detections",
        metavar="FILE",
        help="measure these in place of a checkpoint's: COCO results (JSON), or "
        "TFRecords of od-api data infer",
    )
    parser.add_argument(
        "--ground-truth",
        metavar="COCO_JSON",
        help="of the --detections, in place of a config's eval_input_reader",
    )
    parser.add_argument(
        "--metrics-set",
        metavar="NAME",
        action="append",
        default=[],
        help="with --ground-truth, what to measure, as eval_config.metrics_set; may be "
        "repeated (default: COCO's of boxes, and of masks where all have them)",
    )
    parser.add_argument(
        "--save-detections",
        metavar="FILE",
        help="keep what the checkpoint found, as COCO results",
    )
    parser.add_argument("--output", help="directory of the report and the pictures")
    parser.add_argument("--follow", action="store_true", help="wait for new ones")
    parser.add_argument("--timeout", type=int, default=3600, metavar="SECONDS")
    add_tiles(parser)
    parser.set_defaults(func=_eval)


def _eval(args):
    from od_api import evaluate, load_config
    from od_api.evaluate import evaluate_detections, measure_files
    from od_api.follow import follow
    from od_api.tiles.tiling import Tiling

    _refuse_mixed(args)
    if args.ground_truth:
        files = args.detections, args.ground_truth
        measure_files(*files, args.metrics_set, output_dir=args.output)
        return
    config = load_config(args.config, args.overrides)
    if args.detections:
        evaluate_detections(config, args.detections, output_dir=args.output)
        return
    where = {
        "output_dir": args.output,
        "tiles": Tiling.parsed(args.tiles, args.overlap),
    }
    if args.follow:
        follow(config, args.checkpoint, timeout=args.timeout, **where)
    else:
        evaluate(config, args.checkpoint, save_to=args.save_detections, **where)


def _refuse_mixed(args):
    """Refuses options that have no meaning together."""
    if args.ground_truth:
        _refuse_beside_ground_truth(args)
    elif args.config is None:
        raise UserError(
            "name a pipeline.config; detections can be measured without one: "
            "--detections FILE --ground-truth COCO_JSON"
        )
    elif args.metrics_set:
        raise UserError(
            "--metrics-set goes with --ground-truth; with a config it is "
            "eval_config.metrics_set"
        )
    elif (args.checkpoint is None) == (args.detections is None):
        raise UserError("name either a checkpoint or --detections FILE to evaluate")
    of_checkpoint = ("follow", "tiles", "overlap", "save_detections")
    given = [name for name in of_checkpoint if getattr(args, name)]
    if args.detections and given:
        flag = f"--{given[0].replace('_', '-')}"
        raise UserError(f"{flag} is for checkpoints, not for --detections")
    if args.follow and args.save_detections:
        raise UserError("--save-detections is for one checkpoint, not for --follow")


def _refuse_beside_ground_truth(args):
    if not args.detections:
        raise UserError("--ground-truth needs --detections FILE")
    if args.config is not None or args.overrides:
        raise UserError(
            "--ground-truth stands in place of a config: leave out one of them (a "
            "config's eval_input_reader names its own ground truth)"
        )
