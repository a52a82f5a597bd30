"""`od-api benchmark` and `od-api study benchmark`: their arguments."""

import argparse
import json

from od_api.core.errors import UserError
from od_api.study.run.cache import write_json
from od_api.study.run.study_data import FEW_SCENES
from od_api.system.arguments import add_threads
from od_api.system.threads import check_threads

HELP = "latency, throughput, memory and size of exported models"


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    parser.description = (
        "Measures what od-api export made, of any format, at batch 1 on squares cut "
        "out of the images, postprocessing included. Of one model it prints JSON with "
        "all that can be measured; several are timed in alternation, each in a process "
        "of its own, and stand in a table."
    )
    add = parser.add_argument
    add("models", nargs="+", metavar="model", help="exports that take uint8 images")
    add("--images", nargs="+", help="files or folders; default: synthetic scenes")
    add("--resolution", type=int, default=300, help="side of the squares, pixels")
    add("--format", choices=("json", "table"), help="of what is printed")
    add("--output", metavar="FILE", help="write the numbers as JSON, too")
    add_threads(parser)
    add_timing(add)
    parser.set_defaults(func=_benchmark)


def add_timing(add):
    """Adds the arguments that say how often a model is timed."""
    add("--num-images", type=int, default=500, metavar="N", help="so many are timed")
    add("--warm-up", type=int, default=10, metavar="N", help="so many run before")
    add(
        "--batch-sizes",
        type=_numbers,
        default=(2, 8),
        metavar="N,N",
        help="of the throughput (default: 2,8)",
    )


def _numbers(text):
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: numbers, as in 2,8") from error


def _benchmark(args):
    if min(args.num_images, args.resolution, *args.batch_sizes) < 1:
        raise UserError(
            "numbers of images, batch sizes and the resolution are 1 or more"
        )
    check_threads(args.threads)
    result, table = (_one if len(args.models) == 1 else _several)(args)
    if args.output:
        write_json(args.output, result)
    print(json.dumps(result, indent=1) if args.format == "json" else table)


def _one(args):
    """(numbers, text) of one model."""
    from od_api.study.measure.one_benchmark import benchmark

    args.format = args.format or "json"
    batch_sizes = args.batch_sizes
    result = benchmark(
        args.models[0], _images(args), batch_sizes=batch_sizes, **_of_timing(args)
    )
    return result, "\n".join(f"{name:<44} {value}" for name, value in _flat(result))


def _several(args):
    """(numbers, text) of several models."""
    from od_api.study.measure.side_by_side import as_table, side_by_side

    rows = side_by_side(args.models, _images(args), **_of_timing(args))
    return rows, as_table(rows)


def _of_timing(args):
    names = ("num_images", "warm_up", "threads")
    return {"side": args.resolution, **{name: getattr(args, name) for name in names}}


def _images(args):
    from od_api.pictures.image_files import find_images, read_image

    if args.images:
        files = find_images(args.images)[: args.num_images]
        return [read_image(file) for file in files]
    from od_api.study.run.study_data import synthetic_images

    return synthetic_images(args.resolution, min(args.num_images, FEW_SCENES))


def _flat(value, path=()):
    """Yields ("a.b.c", value) of nested dicts and lists."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            yield from _flat(part, (*path, str(key)))
    else:
        yield ".".join(path), value
