"""`od-api eval`: its arguments, and what they mean together."""

import pathlib

from od_api.config.loading import own_config, placed
from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import artefact_at
from od_api.system.arguments import add_config, add_threads, add_tiles

_OF_CHECKPOINT = ("follow", "tiles", "overlap", "threads", "save_detections")


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    add_config(parser, optional=True)
    parser.add_argument(
        "evaluated",
        nargs="*",
        metavar="checkpoint",
        help="a checkpoint, a directory of them, or what od-api export made; two are "
        "compared, and either may be a file of detections. Runs and exports need no "
        "config: they have their own",
    )
    parser.add_argument(
        "--detections",
        metavar="FILE",
        help="measure these in place of a checkpoint's: COCO results (JSON), or "
        "TFRecords of od-api data infer",
    )
    parser.add_argument(
        "--ground-truth",
        metavar="DATA",
        help="of the --detections, or of two files of them, in place of a config's "
        "eval_input_reader: a COCO JSON, TFRecords, or the folder of a VOC or YOLO "
        "data set",
    )
    parser.add_argument(
        "--label-map",
        metavar="PATH",
        help="the ids of classes of a --ground-truth that is no COCO JSON",
    )
    parser.add_argument(
        "--metrics-set",
        metavar="NAME",
        action="append",
        default=[],
        help="with --ground-truth, what to measure, as eval_config.metrics_set; may be "
        "repeated (default: COCO's of boxes, and of masks where all have them)",
    )
    _add_of_checkpoint(parser)
    _add_report(parser)
    parser.set_defaults(func=_eval)


def _add_of_checkpoint(parser):
    parser.add_argument(
        "--save-detections",
        metavar="FILE",
        help="keep what the checkpoint found, as COCO results",
    )
    parser.add_argument("--follow", action="store_true", help="wait for new ones")
    parser.add_argument("--timeout", type=int, default=3600, metavar="SECONDS")
    add_tiles(parser)
    add_threads(parser)


def _add_report(parser):
    parser.add_argument("--output", help="directory of the report and the pictures")
    parser.add_argument(
        "--no-report",
        action="store_true",
        help="leave out what is wrong with boxes, report.html and detections.json",
    )
    parser.add_argument(
        "--per-class", action="store_true", help="print all classes, however many"
    )
    parser.add_argument(
        "--bootstrap",
        type=int,
        metavar="N",
        help="samples of the images for intervals; 0 for none (default: 1000)",
    )


def _eval(args):
    path, evaluated = _config_and_evaluated(args)
    _refuse_mixed(args, path, evaluated)
    _refuse_mixed_report(args, evaluated)
    samples = {} if args.bootstrap is None else {"samples": args.bootstrap}
    if len(evaluated) == 2:
        _compare(args, path, evaluated, samples)
        return
    diagnosis = None
    if not args.no_report:
        from od_api.evaluation.diagnosed_images import DiagnosisOptions

        diagnosis = DiagnosisOptions(every_class=args.per_class, **samples)
    if args.ground_truth:
        from od_api.evaluate import measure_files

        settings = {"output_dir": args.output, "diagnosis": diagnosis}
        files = args.detections, _opened_truth(args)
        measure_files(*files, args.metrics_set, **settings)
        return
    with placed(path, args.overrides) as config:
        _evaluate(args, config, diagnosis, *evaluated)


def _opened_truth(args):
    from od_api.ground_truth import opened_truth

    return opened_truth(args.ground_truth, args.label_map)


def _evaluate(args, config, diagnosis, checkpoint=None):
    from od_api.evaluate import evaluate, evaluate_detections
    from od_api.follow import follow
    from od_api.tiles.tiling import Tiling

    if args.detections:
        where = {"output_dir": args.output, "diagnosis": diagnosis}
        evaluate_detections(config, args.detections, **where)
        return
    where = {
        "output_dir": args.output,
        "tiles": Tiling.parsed(args.tiles, args.overlap),
    }
    if args.follow:
        follow(config, checkpoint, timeout=args.timeout, **where)
    else:
        settings = {"save_to": args.save_detections, "diagnosis": diagnosis}
        settings["threads"] = args.threads
        evaluate(config, checkpoint, **settings, **where)


def _compare(args, path, evaluated, samples):
    from od_api.compare import compare, compare_files

    where = {"output": args.output, **samples}
    if args.ground_truth:
        compare_files(*evaluated, _opened_truth(args), **where)
    else:
        compare(*evaluated, path, overrides=args.overrides, **where)


def _config_and_evaluated(args):
    """(path of the config or None, [what is evaluated]); a run has its own config."""
    given = [args.config, *args.evaluated] if args.config is not None else []
    if len(given) > 3:
        raise UserError(
            "od-api eval evaluates one checkpoint, or compares two, but "
            f"{len(given) - 1} are named"
        )
    if given and args.ground_truth and not args.detections:
        return None, given
    artefact = given and artefact_at(args.config)
    if not given or not (artefact or pathlib.Path(args.config).is_dir()):
        return args.config, args.evaluated
    # What stands in the place of a config is a run, or an export.
    if len(given) == 3:
        raise UserError(
            f"{printable(args.config)} is a folder, and no config: name a config and "
            "two runs, or two runs alone"
        )
    if len(given) == 2:
        return None, given
    return own_config(artefact.file.parent if artefact else args.config), given


def _refuse_mixed(args, path, evaluated):
    """Refuses options that have no meaning together."""
    if args.label_map and not args.ground_truth:
        raise UserError("--label-map goes with --ground-truth; a config names its own")
    if args.ground_truth:
        _refuse_beside_ground_truth(args, path, evaluated)
    elif path is None and len(evaluated) < 2:
        raise UserError(
            "name a pipeline.config; detections can be measured without one: "
            "--detections FILE --ground-truth DATA"
        )
    elif args.metrics_set:
        raise UserError(
            "--metrics-set goes with --ground-truth; with a config it is "
            "eval_config.metrics_set"
        )
    elif bool(evaluated) == (args.detections is not None):
        raise UserError("name either a checkpoint or --detections FILE to evaluate")
    given = [name for name in _OF_CHECKPOINT if getattr(args, name)]
    if args.detections and given:
        raise UserError(f"{_flag(given[0])} is for checkpoints, not for --detections")
    given = [name for name in ("threads", "save_detections") if getattr(args, name)]
    if args.follow and given:
        raise UserError(f"{_flag(given[0])} is for one checkpoint, not for --follow")


def _refuse_beside_ground_truth(args, path, evaluated):
    if path is not None or args.overrides or (args.detections and evaluated):
        raise UserError(
            "--ground-truth stands in place of a config: leave out one of them (a "
            "config's eval_input_reader names its own ground truth)"
        )
    if not args.detections and len(evaluated) != 2:
        raise UserError(
            "--ground-truth needs --detections FILE, or two files of detections to "
            "compare"
        )


def _refuse_mixed_report(args, evaluated):
    """Refuses what has no meaning for the report, or for a comparison."""
    if args.bootstrap is not None and (args.bootstrap < 0 or args.bootstrap == 1):
        raise UserError(
            f"--bootstrap is {args.bootstrap}: intervals need many samples, e.g. 1000; "
            "0 leaves them out"
        )
    if len(evaluated) == 2:
        single = (*_OF_CHECKPOINT, "per_class", "no_report", "metrics_set")
        given = [name for name in single if getattr(args, name)]
        if given:
            raise UserError(f"{_flag(given[0])} is for one checkpoint, not for two")
        if args.bootstrap == 0:
            raise UserError("--bootstrap 0: two are compared by samples of the images")
        return
    unused = ["per_class"] * args.per_class
    unused += ["bootstrap"] * (args.bootstrap is not None)
    if unused and (args.no_report or args.follow):
        without = "--no-report" if args.no_report else "--follow"
        raise UserError(f"{_flag(unused[0])} has no effect with {without}")


def _flag(name):
    return f"--{name.replace('_', '-')}"
