"""`od-api study run`: its arguments."""

import os

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.study.benchmark_command import add_timing
from od_api.system import shipped

_STAGES = "train, export, evaluate, time, proposals, count"


def add_run(subparsers):
    """Adds the sub-command; it sets `func(args)`, which returns the status."""
    parser = subparsers.add_parser(
        "run",
        help="train, evaluate and measure the models of a grid",
        description="Takes every model of a grid through its stages. What is done is "
        "not done again: stop it anywhere, and give the same command to go on. The "
        "exit status is 1 if a model failed; the others are done.",
    )
    _add_run_options(parser.add_argument)
    parser.set_defaults(func=_run)


def _add_run_options(add):
    add("grid", type=shipped.found, help="a grid file, e.g. configs/study/small.grid")
    add("results", nargs="?", help="folder of everything that is written")
    add("--out", metavar="RESULTS", help="the same, as an option")
    add(
        "--cell",
        dest="cells",
        action="append",
        metavar="NAME",
        help="only this one, or those of a pattern such as 'ssd_*'; may be repeated; "
        "`od-api study cells` lists them",
    )
    add("--shard", default="1/1", metavar="I/N", help="the I-th of N parts of the grid")
    add("--stages", metavar="A,B", help=f"those, and what they need: {_STAGES}")
    add(
        "--models",
        metavar="DIR",
        help="exported models: DIR/<cell>, as od-api export makes it",
    )
    add(
        "--random-weights",
        action="store_true",
        help="no training and no evaluation: times and counts of the untrained models",
    )
    add("--detections", metavar="DIR", help="COCO results: DIR/<cell>.json")
    add("--ray", metavar="ADDRESS", help="run on a Ray cluster; auto: the local one")
    add("--ray-cpus", type=float, default=1, metavar="N", help="cores of a Ray task")
    add("--ray-gpus", type=float, default=0, metavar="N", help="GPUs of a Ray task")
    add("--report", action="store_true", help="write the report at the end")
    add_timing(add)
    add("--threads", type=int, metavar="N", help="of one call that is timed")
    add(
        "--set",
        dest="overrides",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="override a field of every model's config; may be repeated",
    )


def _run(args):
    from od_api.study.run import progress_table
    from od_api.study.run.run_settings import STAGES, RunSettings
    from od_api.study.run.runner import Runner, cells_to_run, parse_shard

    results = args.out or args.results
    if not results or (args.out and args.results):
        raise UserError("name one folder of results: RESULTS, or --out RESULTS")
    settings = RunSettings(
        grid=args.grid,
        results=results,
        overrides=tuple(args.overrides),
        stages=tuple(args.stages.split(",")) if args.stages else STAGES,
        num_images=args.num_images,
        warm_up=args.warm_up,
        batch_sizes=args.batch_sizes,
        models=args.models,
        detections=args.detections,
        random_weights=args.random_weights,
        threads=args.threads,
    )
    runner = Runner(settings)
    names = cells_to_run(runner.study, args.cells or ["*"], parse_shard(args.shard))
    with progress_table.shown(runner.study, names) as table:
        if args.ray:
            errors = _on_ray(args, settings, names, table.tell)
        else:
            runner.tell = table.tell
            errors = runner.run(names)
    failed = {name: error for name, error in errors.items() if error}
    for name, error in failed.items():
        print(f"{name} failed in {error['stage']}: {printable(error['message'])}")
    if args.report:
        _report(results)
    return 1 if failed else 0


def _report(results):
    from od_api.study.measure.ensemble import EnsembleOptions
    from od_api.study.report.study_report import write_report

    print(write_report(results, ensemble=EnsembleOptions()))


def _on_ray(args, settings, names, tell):
    from od_api.study.run.on_ray import run_on_ray

    # Tasks run in folders of their own.
    paths = ("grid", "results", "models", "detections")
    given = {name: getattr(settings, name) for name in paths}
    absolute = {name: os.path.abspath(path) for name, path in given.items() if path}
    settings = settings._replace(**absolute)
    return run_on_ray(
        args.ray,
        settings,
        names,
        tell,
        num_cpus=args.ray_cpus,
        num_gpus=args.ray_gpus,
    )
