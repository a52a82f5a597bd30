"""`od-api data COMMAND`: the commands' arguments, and what they print."""

import os

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.data import survey_commands
from od_api.system.path_names import one_name

# Options of `convert` that make sense for some formats only.
_ONLY_FOR = {
    "include_masks": ("coco", "pets"),
    "renumber": ("coco",),
    "split": ("voc", "pets"),
    "ignore_difficult": ("voc",),
    "one_based": ("voc",),
    "names": ("yolo", "openimages"),
    "image_labels": ("openimages",),
    "hierarchy": ("openimages",),
    "classes": ("kitti",),
}
_IMAGES = (
    "the images (voc: not needed if they lie beside the XML files, or in a folder "
    "JPEGImages or images)"
)


def add_parsers(subparsers):
    """Adds the sub-commands; each sets `func(args)`, which returns the status."""
    _add_convert(subparsers)
    _add_chips(subparsers)
    _add_synth(subparsers)
    survey_commands.add_parsers(subparsers)


def _add_convert(subparsers):
    parser = subparsers.add_parser(
        "convert",
        help="make TFRecords from COCO JSON, Pascal VOC, YOLO, KITTI, Open Images or "
        "Oxford pets",
    )
    add = parser.add_argument
    sources = ("coco", "voc", "yolo", "kitti", "openimages", "pets")
    add("--from", dest="source", required=True, choices=sources)
    add(
        "--annotations",
        required=True,
        metavar="PATH",
        help="coco: the JSON file; voc: the folder of XML files, or with --split the "
        "folder above it; yolo, kitti: the folder of .txt files; openimages: the CSV "
        "file of boxes; pets: the folder annotations",
    )
    add("--images", metavar="FOLDER", help=_IMAGES)
    add("--output", required=True, metavar="PREFIX", help="PREFIX-00000-of-0000N")
    _add_label_map_options(add)
    add("--num-shards", type=int, default=1, metavar="N", help="number of files")
    add("--seed", type=int, help="shuffle the images (default: keep their order)")
    add(
        "--skip-bad-images",
        action="store_true",
        help="count images that are missing, broken or of another size, and go on",
    )
    add(
        "--max-pixels",
        type=int,
        default=100_000_000,
        metavar="N",
        help="larger images are refused (default: 100 million)",
    )
    _add_format_options(add)
    parser.set_defaults(func=_convert)


def _add_label_map_options(add):
    add("--label-map", metavar="PATH", help="classes and ids to use")
    add(
        "--label-map-out",
        metavar="PATH",
        help="default: label_map.pbtxt beside the records; one that is there already "
        "is used, and never changed",
    )
    add(
        "--extend-label-map",
        action="store_true",
        help="give new classes the ids after those of the label map that is used",
    )


def _add_format_options(add):
    add("--include-masks", action="store_true", help="coco, pets: write masks as PNG")
    add(
        "--renumber", action="store_true", help="coco: give ids 1, 2, ... to categories"
    )
    add(
        "--split",
        help="voc: name of a list in ImageSets/Main, e.g. train; pets: of a list "
        "(default: trainval)",
    )
    add("--ignore-difficult", action="store_true", help="voc: leave out such objects")
    add(
        "--one-based",
        action="store_true",
        help="voc: the first pixel is 1, as in Pascal's own files (default: 0)",
    )
    add(
        "--names",
        metavar="FILE",
        help="yolo: data.yaml, or one class name a line; openimages: the CSV file of "
        "class descriptions",
    )
    add(
        "--image-labels",
        metavar="FILE",
        help="openimages: the CSV file of labels of whole images",
    )
    add(
        "--hierarchy",
        metavar="FILE",
        help="openimages: the JSON file of which class is above which, for a new label "
        "map (input readers: expand_labels_hierarchy)",
    )
    add("--classes", nargs="+", metavar="TYPE", help="kitti: the types to convert")


def _convert(args):
    from od_api.data.converters.class_ids import default_place

    for option, formats in _ONLY_FOR.items():
        if getattr(args, option) and args.source not in formats:
            flag = "--" + option.replace("_", "-")
            raise UserError(f"{flag} is for --from {formats[0]}, not {args.source}")
    label_map_out = args.label_map_out or default_place(args.output)
    was_there = os.path.lexists(label_map_out)
    run = {
        "coco": _convert_coco,
        "voc": _convert_voc,
        "yolo": _convert_yolo,
        "kitti": _convert_kitti,
        "openimages": _convert_open_images,
        "pets": _convert_pets,
    }
    summary = run[args.source](
        args,
        output_prefix=args.output,
        label_map_in=args.label_map,
        label_map_out=label_map_out,
        extend_label_map=args.extend_label_map,
        num_shards=args.num_shards,
        seed=args.seed,
        skip_bad_images=args.skip_bad_images,
        max_pixels=args.max_pixels,
    )
    print(summary_text(summary))
    of_before = " (was there: its ids are used)" if was_there else ""
    print(f"label map: {printable(label_map_out)}{of_before}")
    return 0


def _convert_coco(args, **settings):
    from od_api.data.converters.coco_json import convert_coco

    return convert_coco(
        args.annotations,
        _needed(args, "images"),
        include_masks=args.include_masks,
        renumber=args.renumber,
        **settings,
    )


def _convert_voc(args, **settings):
    from od_api.data.converters.voc import convert_pascal_voc, voc_folders, voc_layout

    annotations, images, split_file = args.annotations, args.images, None
    if args.split:
        annotations, images, split_file = voc_layout(args.annotations, args.split)
        images = args.images or images
    elif not images:
        annotations, images = voc_folders(annotations)
    return convert_pascal_voc(
        annotations,
        images,
        split_file=split_file,
        ignore_difficult=args.ignore_difficult,
        one_based=args.one_based,
        **settings,
    )


def _convert_yolo(args, **settings):
    from od_api.data.converters.yolo import convert_yolo

    return convert_yolo(
        _needed(args, "images"), args.annotations, _needed(args, "names"), **settings
    )


def _convert_kitti(args, **settings):
    from od_api.data.converters.kitti import convert_kitti

    images, labels = _needed(args, "images"), args.annotations
    return convert_kitti(images, labels, classes=args.classes or (), **settings)


def _convert_open_images(args, **settings):
    from od_api.data.converters.open_images_csv import convert_open_images

    return convert_open_images(
        args.annotations,
        _needed(args, "images"),
        labels_csv=args.image_labels,
        names=args.names,
        hierarchy=args.hierarchy,
        **settings,
    )


def _convert_pets(args, **settings):
    from od_api.data.converters.pets import convert_pets

    return convert_pets(
        args.annotations,
        _needed(args, "images"),
        split=args.split or "trainval",
        include_masks=args.include_masks,
        **settings,
    )


def _needed(args, option):
    value = getattr(args, option)
    if not value:
        raise UserError(f"--{option} is needed for --from {args.source}")
    return value


def summary_text(summary):
    """A converter's summary for people."""
    lines = [
        f"{summary['images']} images ({summary['images_without_boxes']} without "
        f"objects), {summary['boxes']} boxes, {summary['clipped_boxes']} cut at the "
        "border"
    ]
    lines += [
        f"  {printable(name)}: {count}" for name, count in summary["per_class"].items()
    ]
    lines += [f"{count} {what}" for what, count in summary["notes"].items()]
    if summary.get("images_without_label_file"):
        lines.append(f"{summary['images_without_label_file']} images had no label file")
    for reason, count in summary["skipped"].items():
        lines.append(f"left out, {reason}: {count}")
        lines += [f"  {printable(where)}" for where in summary["examples"][reason]]
    return "\n".join(lines)


def _add_chips(subparsers):
    parser = subparsers.add_parser(
        "chips",
        help="write the index of chips, parts of images that training sees",
        description="Chooses the chips of all records of train_input_reader, as its "
        "field chips says: for each of the scales parts that cover all objects of its "
        "sizes. The index goes to chips.index_path.",
    )
    add = parser.add_argument
    add("config", help="pipeline.config whose train_input_reader has chips")
    add("--set", action="append", default=[], metavar="FIELD=VALUE", dest="overrides")
    add(
        "--seed",
        type=int,
        default=0,
        help="chips that are dropped at random are drawn by it (default: 0)",
    )
    parser.set_defaults(func=_chips)


def _chips(args):
    from od_api.config.loading import load_config
    from od_api.data.write_chips import write_chips

    print(write_chips(load_config(args.config, args.overrides), args.seed))
    return 0


def _add_synth(subparsers):
    parser = subparsers.add_parser(
        "synth", help="make scenes of shapes: JPEG, COCO JSON, label map, TFRecords"
    )
    add = parser.add_argument
    add("output", help="directory to create, with one folder a split")
    add(
        "--splits",
        nargs="+",
        default=["train=500", "val=100"],
        metavar="NAME=IMAGES",
        help="default: train=500 val=100",
    )
    add("--seed", type=int, default=0)
    add("--height", type=int, default=320, metavar="PIXELS")
    add("--width", type=int, default=320, metavar="PIXELS")
    add("--difficulty", default="normal", help="easy, normal or hard")
    add("--num-shards", type=int, default=1, metavar="N", help="record files a split")
    add("--include-masks", action="store_true", help="records with masks, as PNG")
    parser.set_defaults(func=_synth)


def _synth(args):
    from od_api.data.synthetic.synth import generate_records

    for split, num_images in [_split(text) for text in args.splits]:
        folder = os.path.join(args.output, split)
        summary = generate_records(
            folder,
            num_images=num_images,
            image_size=(args.height, args.width),
            seed=args.seed,
            split=split,
            difficulty=args.difficulty,
            num_shards=args.num_shards,
            include_masks=args.include_masks,
            progress=True,
        )
        print(f"{folder}: {summary['images']} images, {summary['boxes']} boxes")
    return 0


def _split(text):
    name, _, count = text.partition("=")
    # Ten digits are no number of images that a disk holds.
    if not name or not (count.isascii() and count.isdigit() and len(count) < 10):
        raise UserError(f"--splits {text}: write it as NAME=IMAGES, e.g. train=500")
    return one_name(name, "split"), int(count)
