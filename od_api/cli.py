"""The `od-api` command: one sub-command per verb.

Exit status 0 for success; 2 for bad input of any kind, with one message on standard
error and no traceback (`--debug` shows it); 1 for a defect of ours, or for what is no
input's fault: full memory, models of a study that failed.
"""

import contextlib
import importlib.metadata
import os
import platform
import sys
import types

from od_api.core.errors import ConfigError, UserError
from od_api.core.printable import printable
from od_api.engines.artefacts import ENGINES, FLOAT32, PRECISIONS, SAVED_MODEL
from od_api.system import shipped
from od_api.system.arguments import (
    Parser,
    add_config,
    add_overrides,
    add_threads,
    add_tiles,
)
from od_api.training.departure import leave

# What shells say of a program whose reader is gone: 128 and the signal's number.
_BROKEN_PIPE = 141


def main(arguments=None):
    """Runs one command line; returns the exit status."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    # Wherever it stands: it is asked for after an error, at the end of the line. But
    # what follows `--` is another command.
    ours = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in ours
    ours = [a for a in ours if a != "--debug"] + arguments[len(ours) :]
    try:
        args = _parser().parse_args(ours)
    except SystemExit as end:  # it has printed the help, or what is wrong
        raise SystemExit(_flushed(end.code)) from None
    config, overrides = getattr(args, "config", None), getattr(args, "overrides", ())
    with reporting(config, debug, overrides) as outcome:
        outcome.status = args.func(args)
    return outcome.status


def run(action, config_path=None, debug=False, overrides=()):
    """Calls `action()`, which returns an exit status or None; as `reporting`.

    Returns:
      The exit status.
    """
    with reporting(config_path, debug, overrides) as outcome:
        outcome.status = action()
    return outcome.status


@contextlib.contextmanager
def reporting(config_path=None, debug=False, overrides=()):
    """What goes wrong in the block becomes one message and an exit status.

    Args:
      config_path: of the pipeline.config that errors are placed in, if there is one.
      debug: lets errors through, with their traceback.
      overrides: the `--set` of the command line; errors in what they set are placed
        there.

    Yields:
      Something with `status`: the block may set it; behind the block it is the exit
      status, never None.
    """
    from absl import logging

    from od_api.system import quiet

    quiet.install()
    logging.set_verbosity(logging.INFO)
    outcome = types.SimpleNamespace(status=0)
    try:
        yield outcome
        outcome.status = _flushed(outcome.status or 0)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        outcome.status = 130
    except BrokenPipeError:
        outcome.status = _unread()
    except Exception as error:
        if debug:
            raise
        message, outcome.status = _told(error, config_path, overrides)
        print(f"error: {printable(message, lines=True)}", file=sys.stderr)
    leave(outcome.status)


def _told(error, config_path, overrides):
    """(message, exit status) of an error."""
    if isinstance(error, ConfigError) and config_path:
        from od_api.config.loading import locate

        error = locate(error, config_path, overrides)
    if isinstance(error, UserError | OSError):
        return str(error), 2
    kind, reason = type(error).__name__, str(error).strip().split("\n")[0]
    if kind in ("MemoryError", "ResourceExhaustedError"):
        return (
            f"the memory is full ({reason or kind}): use a smaller batch, smaller "
            "images or fewer boxes"
        ), 1
    return f"{kind}: {reason or 'no message'}: this is a bug; --debug shows more", 1


def _flushed(status):
    """The status, once standard output is written; another one if nobody reads it."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _unread()
    return status


def _unread():
    """The status where nobody reads what is printed, as after `| head`."""
    # What is left would raise again when Python ends.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _BROKEN_PIPE


def parse_flags(arguments):
    """Parses absl flags, for the scripts that keep the old API's flags.

    A flag that is wrong or missing ends the program as bad input does: one message and
    exit status 2.
    """
    from absl import flags

    try:
        return flags.FLAGS(arguments)
    except flags.Error as error:
        print(f"error: {printable(error)} (see --help)", file=sys.stderr)
        sys.exit(2)


def _parser():
    parser = Parser(prog="od-api", description=__doc__.split("\n")[0])
    # `main` takes it out before, wherever it stands; here it is for the help.
    parser.add_argument("--debug", action="store_true", help="show tracebacks")
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_init(commands)
    _add_train(commands)
    _add_eval(commands)
    _add_export(commands)
    _add_detect(commands)
    _add_client(commands)
    _add_import(commands)
    _add_config(commands)
    _add_data(commands)
    _add_demo(commands)
    _add_study(commands)
    _add_benchmark(commands)
    _add_cluster(commands)
    _add_techniques(commands)
    _add_view(commands)
    _add_doctor(commands)
    return parser


def _version():
    """What a report of a defect needs to say."""
    ours, *others = map(_installed, ("od-api", "tensorflow", "keras"))
    return f"{ours} (Python {platform.python_version()}, {', '.join(others)})"


def _installed(package):
    try:
        return f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:  # it may run from its sources
        return f"{package}, not installed"


def _add_init(commands):
    from od_api.commands.init_command import add_arguments

    add_arguments(
        commands.add_parser("init", help="make a config that trains on your images")
    )


def _add_train(commands):
    parser = commands.add_parser("train", help="train, and evaluate on the way")
    add_config(parser)
    parser.add_argument("model_dir", help="where checkpoints and logs go")
    parser.add_argument(
        "--num-steps",
        type=int,
        help="instead of the config's; the learning rate's schedule stays as it is",
    )
    parser.add_argument("--no-eval", action="store_true", help="do not evaluate")
    parser.add_argument("--use-tpu", action="store_true", help="train on a TPU")
    parser.add_argument("--tpu-name", help="its name; the local one by default")
    parser.set_defaults(func=_train)


def _train(args):
    from od_api import load_config
    from od_api.train import train_as_task

    overrides = list(args.overrides)
    if args.num_steps is not None:
        # In the config, because an evaluator needs it, too, to know the last one.
        overrides.append(f"train_config.num_steps={args.num_steps}")
    train_as_task(
        load_config(args.config, overrides),
        args.model_dir,
        use_tpu=args.use_tpu,
        tpu_name=args.tpu_name,
        evaluate_on_the_way=not args.no_eval,
    )


def _add_eval(commands):
    from od_api.commands.eval_command import add_arguments

    add_arguments(
        commands.add_parser("eval", help="evaluate a checkpoint, or detections")
    )


def _add_export(commands):
    parser = commands.add_parser("export", help="write a model for serving")
    add_config(parser)
    parser.add_argument("checkpoint", help="a checkpoint, or a directory of them")
    parser.add_argument("output", help="directory to create")
    _add_written_form(parser)
    _add_precision(parser)
    parser.add_argument("--input-type", default="image_tensor")
    parser.add_argument(
        "--input-name",
        default="input_tensor",
        help="of the signature's argument; inputs, as in TensorFlow 1, or %(default)s",
    )
    parser.add_argument(
        "--input-shape",
        type=lambda text: text.split(","),
        metavar="B,H,W,3",
        help="of the images, -1 where any number is taken (default: -1,-1,-1,3)",
    )
    parser.add_argument("--name", default="detector", help="model name for TF Serving")
    parser.add_argument("--version", type=int, default=1)
    parser.add_argument(
        "--static",
        action="store_true",
        help="suppression without loops over classes, for other engines; slower in "
        "TensorFlow",
    )
    parser.set_defaults(func=_export)


def _add_written_form(parser):
    parser.add_argument(
        "--format",
        choices=(SAVED_MODEL, *ENGINES),
        default=SAVED_MODEL,
        help="of the model; others need the extra of their name (default: %(default)s)",
    )
    parser.add_argument(
        "--form",
        choices=("detections", "raw"),
        default="detections",
        help="raw: scores and box codes of all anchors, which decode.py beside them "
        "makes detections of; of detectors with one stage (default: %(default)s)",
    )
    parser.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        metavar="B",
        help="of --format stablehlo, whose shapes are static (default: 1)",
    )
    parser.add_argument(
        "--image-size",
        type=int,
        nargs=2,
        metavar=("H", "W"),
        help="of its images (default: that of the network)",
    )


def _add_precision(parser):
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FLOAT32,
        help="in which the model computes; lower ones with --format openvino, and "
        "parity.json has how far they are off (default: %(default)s)",
    )
    parser.add_argument(
        "--calibration-images",
        type=int,
        metavar="N",
        help="of the training records, for --precision int8 (default: 300)",
    )
    parser.add_argument(
        "--evaluate",
        action="store_true",
        help="measure the model and the checkpoint on the eval records, into "
        "parity.json, too",
    )


def _export(args):
    from od_api import export, load_config

    export(
        load_config(args.config, args.overrides),
        args.checkpoint,
        args.output,
        input_type=args.input_type,
        input_name=args.input_name,
        input_shape=args.input_shape,
        name=args.name,
        version=args.version,
        static=args.static,
        model_format=args.format,
        form=args.form,
        precision=args.precision,
        calibration_images=args.calibration_images,
        evaluate=args.evaluate,
        batch_sizes=args.batch_sizes and tuple(args.batch_sizes),
        image_size=args.image_size and tuple(args.image_size),
    )


def _add_detect(commands):
    parser = commands.add_parser("detect", help="find objects in images and videos")
    parser.add_argument("model", help="what od-api export made, or a training's folder")
    parser.add_argument(
        "images", nargs="+", help="image files, folders, videos or numbers of cameras"
    )
    parser.add_argument("--output", required=True, help="directory to create")
    parser.add_argument("--min-score", type=float, default=0.5)
    parser.add_argument("--max-boxes", type=int, default=20)
    parser.add_argument("--label-map", help="instead of the model's own")
    parser.add_argument(
        "--max-pixels",
        type=int,
        metavar="N",
        help="refuse larger images, which would fill the memory (default: 100 million)",
    )
    parser.add_argument(
        "--max-frames",
        type=int,
        metavar="N",
        help="of a video or camera (default: to its end, or Ctrl-C)",
    )
    add_tiles(parser)
    add_threads(parser)
    parser.set_defaults(func=_detect)


def _detect(args):
    from od_api.detect import detect
    from od_api.pictures.decoding import MAX_PIXELS
    from od_api.tiles.tiling import Tiling

    detect(
        args.model,
        args.images,
        args.output,
        min_score=args.min_score,
        max_boxes=args.max_boxes,
        label_map_path=args.label_map,
        max_pixels=MAX_PIXELS if args.max_pixels is None else args.max_pixels,
        max_frames=args.max_frames,
        tiles=Tiling.parsed(args.tiles, args.overlap),
        threads=args.threads,
    )


def _add_client(commands):
    from od_api.commands.client_command import add_arguments

    add_arguments(
        commands.add_parser("client", help="as detect, with a server's model")
    )


def _add_import(commands):
    from od_api.commands.import_command import add_arguments

    add_arguments(
        commands.add_parser(
            "import-checkpoint",
            help="bring weights of the old API, of slim or of Keras",
        )
    )


def _add_config(commands):
    from od_api.commands.config_commands import add_parsers

    parser = commands.add_parser("config", help="check, explain or show configs")
    add_parsers(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))


def _add_data(commands):
    from od_api.data.data_commands import add_parsers

    parser = commands.add_parser("data", help="convert, check or make data sets")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add_parsers(actions)
    _add_data_check(actions)
    _add_infer(actions)


def _add_data_check(actions):
    from od_api.commands.data_check_command import add_arguments

    add_arguments(
        actions.add_parser(
            "check",
            help="find what is wrong with a data set; exit status 2 if anything is",
        )
    )


def _add_infer(actions):
    parser = actions.add_parser(
        "infer", help="write records with what a model finds in their images"
    )
    parser.add_argument("model", help="a SavedModel directory, or that of a training")
    parser.add_argument("records", nargs="+", help="files or patterns of TFRecords")
    parser.add_argument("--output", required=True, metavar="FILE", help="to write")
    parser.add_argument(
        "--discard-image-pixels",
        action="store_true",
        help="leave the images out of what is written",
    )
    parser.set_defaults(func=_infer)


def _infer(args):
    from od_api.infer import infer

    discard = args.discard_image_pixels
    infer(args.model, args.records, args.output, discard_image_pixels=discard)


def _add_demo(commands):
    parser = commands.add_parser("demo", help="the whole way on synthetic scenes")
    parser.add_argument(
        "config",
        nargs="?",
        type=shipped.found,
        default="configs/ssd/ssd_mobilenet_v1_fpn_192x192_demo.config",
        help="a config to try on the scenes; default: %(default)s",
    )
    add_overrides(parser)
    parser.add_argument("--output", default="demo_output")
    parser.set_defaults(func=_demo)


def _demo(args):
    from od_api.demo import demo

    demo(args.config, args.output, args.overrides)


def _add_study(commands):
    from od_api.study.study_commands import add_parsers

    parser = commands.add_parser("study", help="the speed/accuracy trade-off study")
    add_parsers(parser.add_subparsers(dest="action", required=True, metavar="ACTION"))


def _add_benchmark(commands):
    from od_api.study.run_commands import add_benchmark

    add_benchmark(commands)


def _add_cluster(commands):
    from od_api.launch.cluster_commands import add_arguments

    add_arguments(commands.add_parser("cluster", help="a cluster on this machine"))


def _add_techniques(commands):
    parser = commands.add_parser("techniques", help="list every part, with its source")
    choices = ("table", "json", "markdown")
    parser.add_argument("--format", choices=choices, default="table")
    parser.set_defaults(func=_techniques)


def _techniques(args):
    from od_api.techniques.row_formats import FORMATS
    from od_api.techniques.technique_rows import technique_rows

    print(FORMATS[args.format](technique_rows()))


def _add_view(commands):
    from od_api.commands.view_command import add_arguments

    add_arguments(commands.add_parser("view", help="look at pictures in a browser"))


def _add_doctor(commands):
    from od_api.commands.doctor_command import add_arguments

    add_arguments(commands.add_parser("doctor", help="look at this installation"))


if __name__ == "__main__":
    sys.exit(main())
