"""`od-api client`: its arguments, and what it does with them."""

import functools

from od_api.core.errors import UserError
from od_api.system.arguments import add_tiles

_NAME = "detector"


def add_arguments(parser):
    """Adds the arguments, and `func(args)`."""
    add = parser.add_argument
    server = parser.add_mutually_exclusive_group(required=True)
    server.add_argument(
        "--rest",
        metavar="URL",
        help="http://HOST:8501, or http://HOST:8501/v1/models/NAME",
    )
    server.add_argument(
        "--grpc", metavar="HOST:PORT", help="needs pip install 'od-api[client]'"
    )
    add("--model", metavar="NAME", help=f"of the model there (default: {_NAME})")
    add("--version", type=int, metavar="N", help="of the model (default: the newest)")
    add("images", nargs="+", help="image files, folders, videos or numbers of cameras")
    add("--output", required=True, help="directory to create")
    add(
        "--label-map",
        metavar="FILE",
        help="which no server sends; or the model's pipeline.config, which names it",
    )
    add("--min-score", type=float, default=0.5, help="default: %(default)s")
    add("--max-boxes", type=int, default=20, help="on a picture; default: %(default)s")
    add("--timeout", type=float, metavar="SECONDS", help="of an answer (default: 60)")
    add_tiles(parser)
    parser.set_defaults(func=_client)


def _client(args):
    from od_api.detect import Limits, detect_with
    from od_api.load import load
    from od_api.tiles.tiling import Tiling

    loading = functools.partial(
        load,
        _address(args),
        label_map_path=args.label_map,
        tiles=Tiling.parsed(args.tiles, args.overlap),
        timeout=args.timeout,
    )
    limits = Limits(min_score=args.min_score, max_boxes=args.max_boxes)
    detect_with(loading, args.images, args.output, limits)


def _address(args):
    """Of the model, as `od_api.load` takes it."""
    version = "" if args.version is None else f"/versions/{args.version}"
    if args.grpc:
        server = args.grpc.removeprefix("grpc://").rstrip("/")
        return f"grpc://{server}/{args.model or _NAME}{version}"
    url = args.rest if "://" in args.rest else f"http://{args.rest}"
    url = url.rstrip("/")
    if "/v1/models/" not in url:
        return f"{url}/v1/models/{args.model or _NAME}{version}"
    if args.model or version:
        raise UserError(
            f"--rest {args.rest} names the model: leave out --model and --version"
        )
    return url
