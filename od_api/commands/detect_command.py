"""`od-api detect`: its arguments, and what it does with them."""

from od_api.system.arguments import add_threads, add_tiles


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
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
