"""`od-api init`: its arguments, and what it prints."""

import re

from od_api.core.errors import UserError


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    add = parser.add_argument
    add(
        "data",
        nargs="?",
        metavar="DATA",
        help="folder of images and annotations (COCO JSON, Pascal VOC, YOLO or "
        "TFRecords), or a COCO JSON, data.yaml or TFRecord itself",
    )
    add("--out", metavar="FOLDER", help="folder to create")
    add(
        "--detector",
        metavar="NAME",
        help="one of --list (default: ssd_mobilenet_v2_fpnlite_320)",
    )
    add("--list", action="store_true", help="show the detectors, and nothing else")
    add(
        "--measure",
        action="store_true",
        help="with --list: count parameters and time an image of those that were not "
        "measured on this machine before (of --detector alone where it is given)",
    )
    add(
        "--weights",
        default="imagenet",
        metavar="FILE",
        help="a file of Keras weights or a checkpoint to start from, none for random "
        "weights, or imagenet: Keras' own, downloaded if they are not here yet "
        "(default)",
    )
    _add_of_training(add)
    _add_of_data(add)
    parser.set_defaults(func=_init)


def _add_of_training(add):
    add("--num-steps", type=int, metavar="N", help="of training; the schedule follows")
    add(
        "--batch-size",
        type=int,
        metavar="N",
        help="images of a step (default: what a trial finds to fit into memory)",
    )
    add("--size", metavar="HxW", help="of the network's input, e.g. 512x512")


def _add_of_data(add):
    kinds = ("coco", "voc", "yolo", "tfrecord")
    add(
        "--from", dest="kind", choices=kinds, help="the annotations to take, of several"
    )
    add("--images", metavar="FOLDER", help="where the images are, if nobody finds them")
    add(
        "--names",
        metavar="FILE",
        help="yolo: data.yaml, or one class name a line; tfrecord: the label map",
    )
    add(
        "--val-fraction",
        type=float,
        default=0.2,
        metavar="F",
        help="share of the images to evaluate on, where the data has no such part "
        "(default: 0.2)",
    )
    add("--seed", type=int, default=0, help="of that choice (default: 0)")
    add("--skip-bad-images", action="store_true", help="leave them out, and go on")


def _init(args):
    if args.list:
        return _list(args)
    if args.measure:
        raise UserError("--measure is for --list")
    if not args.data or not args.out:
        raise UserError("name the data set and --out FOLDER, or --list")
    from od_api.init.initialise import Wishes, initialise

    wishes = {
        name: getattr(args, name)
        for name in (
            *("kind", "images", "names", "val_fraction", "seed", "weights"),
            *("num_steps", "batch_size", "skip_bad_images"),
        )
    }
    for name in ("num_steps", "batch_size"):
        if wishes[name] is not None and wishes[name] < 1:
            flag = name.replace("_", "-")
            raise UserError(f"--{flag} {wishes[name]}: use a number from 1 up")
    if args.detector:
        wishes["detector"] = args.detector
    path = initialise(args.data, args.out, Wishes(size=_size(args.size), **wishes))
    print(f"wrote {path}; next: od-api train {path} run/")
    return 0


def _size(text):
    if not text:
        return None
    match = re.fullmatch(r"(\d{2,4})(?:x(\d{2,4}))?", text)
    if not match:
        raise UserError(f"--size {text}: write it as HxW, e.g. 512x512")
    return int(match[1]), int(match[2] or match[1])


def _list(args):
    from od_api.init import detector_choices
    from od_api.init.detector_table import detector_table
    from od_api.init.measured_detectors import kept, measure

    every = list(detector_choices.choices().values())
    wanted = [detector_choices.chosen(args.detector)] if args.detector else every
    if args.measure:
        measure(wanted)
    measured = kept(every)
    print(detector_table(measured))
    if len(measured) < len(every):
        print("(--list --measure counts and times the others; it takes minutes)")
    return 0
