"""Looks at a data set, or at what a run finds in it, in a browser."""

from od_api.core.printable import printable
from od_api.viewing.view_server import HOST, ViewApp, serving
from od_api.viewing.viewed_paths import viewed_path
from od_api.viewing.viewed_pictures import MIN_SCORE, viewed_pictures


def view_server(path, *, port=0, min_score=MIN_SCORE, **named):
    """Reads a data set, and listens for a browser on this machine.

    Args:
      path: a pipeline.config, the folder of a run, or TFRecords.
      port: to listen on; 0 for any that is free.
      min_score: detections below are left out.
      **named: label_map, detections, split and overrides of `viewed_path`.

    Returns:
      (the server, whose `serve_forever()` answers and `shutdown()` ends; its URL).

    Raises:
      UserError: there is nothing to look at, or the port is taken.
    """
    seen = viewed_path(path, **named)
    pictures, unread = viewed_pictures(
        seen.paths, seen.label_map, seen.detections, min_score
    )
    found = seen.detections is not None
    app = ViewApp(printable(seen.title), pictures, unread, seen.label_map, found)
    server = serving(app, port)
    return server, f"http://{HOST}:{server.port}/"
