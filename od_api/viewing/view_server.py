"""The page of `od-api view`: a server for one person on one machine.

    /                 the page
    /summary          what there is to filter by, as JSON
    /pictures?...     a page of pictures and their boxes, as JSON
    /picture/N?side=S a picture, its longer side at most S pixels, as JPEG

It listens on the loopback interface alone, and answers requests that name it so: a page
of somebody else's that the reader has open cannot read what is here.
"""

import collections
import functools
import io
import json
import logging
import pathlib

import numpy as np
from PIL import Image
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from od_api.core.errors import UserError
from od_api.metrics.diagnosis.detection_errors import KINDS
from od_api.viewing.viewed_pictures import NO_ERROR, SIZES, pixels

HOST = "127.0.0.1"
PICTURES_A_PAGE = 24
_TRUSTED = (HOST, "localhost")
_MOST_SIDE = 2048
_PARTS = pathlib.Path(__file__).parent / "page"
_FILES = {
    "/": ("view.html", "text/html"),
    "/view.css": ("view.css", "text/css"),
    "/view.js": ("view.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class ViewApp:
    """A WSGI application.

    Args:
      title: of the page.
      pictures: list of ViewedPicture.
      unread: list of UnreadPicture.
      label_map: LabelMap.
      found: whether the pictures have detections.
    """

    def __init__(self, title, pictures, unread, label_map, found):
        self._pictures, self._label_map = pictures, label_map
        self._jpeg = functools.lru_cache(maxsize=256)(self._jpeg_of)
        self._summary = {
            "title": title,
            "pictures": len(pictures),
            "unread": [entry._asdict() for entry in unread],
            "found": found,
            "sizes": list(SIZES),
            "errors": [NO_ERROR, *KINDS, "crowd"] if found else ["crowd"],
            "classes": self._classes(),
        }
        rules = [Rule(path, endpoint="file") for path in _FILES]
        rules += [
            Rule("/summary", endpoint="summary"),
            Rule("/pictures", endpoint="pictures"),
            Rule("/picture/<int:number>", endpoint="picture"),
        ]
        self._urls = Map(rules)

    def __call__(self, environ, start_response):
        request = Request(environ)
        try:
            if not host_is_trusted(request.host, _TRUSTED):
                raise Forbidden("this page answers on this machine alone")
            endpoint, values = self._urls.bind_to_environ(environ).match()
            response = getattr(self, f"_on_{endpoint}")(request, **values)
        except HTTPException as error:
            response = error.get_response(environ)
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _on_file(self, request):
        name, kind = _FILES[request.path]
        return Response(
            (_PARTS / name).read_bytes(), content_type=f"{kind};charset=utf-8"
        )

    def _on_summary(self, request):
        return _json(self._summary)

    def _on_pictures(self, request):
        wanted = request.args
        page, size = _number(wanted, "page"), PICTURES_A_PAGE
        chosen = self._chosen(
            wanted.get("class", ""),
            wanted.get("size", ""),
            wanted.get("error", ""),
            wanted.get("name", ""),
        )
        shown = [
            {
                "number": number,
                "name": self._pictures[number].name,
                "height": self._pictures[number].size[0],
                "width": self._pictures[number].size[1],
                "boxes": [
                    {**box, "name": self._name(box["class"]), "wanted": i in matches}
                    for i, box in enumerate(self._pictures[number].boxes)
                ],
            }
            for number, matches in chosen[page * size : (page + 1) * size]
        ]
        pages = -(-len(chosen) // size)
        return _json({"total": len(chosen), "pages": pages, "pictures": shown})

    def _on_picture(self, request, number):
        side = min(max(_number(request.args, "side", _MOST_SIDE), 16), _MOST_SIDE)
        if number >= len(self._pictures):
            raise NotFound
        try:
            return Response(self._jpeg(number, side), content_type="image/jpeg")
        except UserError as error:
            raise NotFound(str(error)) from error

    def _jpeg_of(self, number, side):
        image = Image.fromarray(np.asarray(pixels(self._pictures[number])))
        image.thumbnail((side, side))
        file = io.BytesIO()
        image.save(file, "JPEG", quality=90)
        return file.getvalue()

    def _chosen(self, class_name, size, error, name):
        """[(number of a picture, the boxes that are wanted)], in the records' order."""
        tests = []
        if class_name:
            tests.append(lambda box: str(box["class"]) == class_name)
        if size:
            tests.append(lambda box: box["size"] == size)
        if error:
            tests.append(lambda box: box["error"] == error)
        chosen = []
        for number, picture in enumerate(self._pictures):
            if name.casefold() not in picture.name.casefold():
                continue
            matches = [
                i
                for i, box in enumerate(picture.boxes)
                if all(test(box) for test in tests)
            ]
            if matches or not tests:
                chosen.append((number, set(matches)))
        return chosen

    def _classes(self):
        counts = collections.Counter(
            box["class"]
            for picture in self._pictures
            for box in picture.boxes
            if box["of"] == "truth"
        )
        known = [*self._label_map.ids, *(c for c in counts if isinstance(c, str))]
        return [
            {"id": str(c), "name": self._name(c), "objects": counts[c]} for c in known
        ]

    def _name(self, class_id):
        if class_id in self._label_map.ids:
            return self._label_map.name(class_id)
        return f"{class_id} (not in the label map)"


def _number(values, name, default=0):
    try:
        number = int(values.get(name, default))
    except ValueError:
        number = -1
    if number < 0:
        raise BadRequest(f"{name} is no number from 0 up")
    return number


def _json(value):
    return Response(json.dumps(value), content_type="application/json")


def serving(app, port=0):
    """A server of `app` on the loopback interface, which listens already.

    Args:
      app: WSGI application.
      port: 0 for any that is free.

    Raises:
      UserError: the port is taken.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    try:
        return make_server(HOST, port, app, threaded=True)
    except (SystemExit, OSError) as error:
        raise UserError(
            f"port {port} cannot be listened on ({error}): name another by --port, or "
            "none to take a free one"
        ) from None
