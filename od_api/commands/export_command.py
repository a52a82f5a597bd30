"""`od-api export`: its arguments, and what it does with them."""

import pathlib

from od_api.engines.artefacts import ENGINES, FLOAT32, PRECISIONS, SAVED_MODEL
from od_api.system.arguments import add_config


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
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
        help="of the images of --format stablehlo and litert (default: the network's)",
    )


def _add_precision(parser):
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default=FLOAT32,
        help="in which the model computes; lower ones for openvino and litert alone, "
        "and parity.json has how far they are off (default: %(default)s)",
    )
    parser.add_argument(
        "--calibration-images",
        type=int,
        metavar="N",
        help="of the training records, for --precision int8 (default: 300)",
    )
    parser.add_argument(
        "--float-layers",
        nargs="+",
        metavar="NAME",
        help="of layers that --precision int8 leaves in float32, beside the heads, or "
        "patterns of names, such as '*conv1*'",
    )
    parser.add_argument(
        "--sensitivity",
        action="store_true",
        help="measure what the detections of 16 of these images lose with each layer "
        "in int8 alone, the worst first, into parity.json, too; takes minutes",
    )
    parser.add_argument(
        "--full-integer",
        choices=("uint8", "int8"),
        help="images and outputs of this type, too, and every operator in int8, for "
        "Edge TPUs and the like; of --format litert --form raw --precision int8",
    )
    parser.add_argument(
        "--evaluate",
        action="store_true",
        help="measure the model and the checkpoint on the eval records, into "
        "parity.json, too",
    )


def _export(args):
    from od_api import export, load_config
    from od_api.engines.snippets import snippet

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
        float_layers=args.float_layers and tuple(args.float_layers),
        sensitivity=args.sensitivity,
        full_integer=args.full_integer,
        evaluate=args.evaluate,
        batch_sizes=args.batch_sizes and tuple(args.batch_sizes),
        image_size=args.image_size and tuple(args.image_size),
    )
    if args.form == "detections":
        print(snippet(args.format, pathlib.Path(args.output), args.precision), end="")
