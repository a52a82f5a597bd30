"""Videos and cameras: frames in, an annotated video and lines of detections out."""

import contextlib
import itertools
import json
import os
import pathlib

import numpy as np
from absl import logging

from od_api.core.errors import UserError
from od_api.core.printable import printable
from od_api.system.extras import needed
from od_api.system.leftovers import workspace
from od_api.system.terminal import tracked

SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".3gp")
)
# Of cameras and files that do not say how fast they are.
_USUAL_RATE = 30.0
_CODEC = "mp4v"


def is_video(path):
    """Whether a user's argument means one: a file by its ending, or a camera's number.

    A file or folder whose name is a number is what it is.
    """
    text = os.fspath(path)
    if text.isascii() and text.isdigit():
        return not os.path.lexists(text)
    return pathlib.PurePath(text).suffix.lower() in SUFFIXES


def stem_of(source):
    """What the files made of it are called: `camera0`, or as the video."""
    text = os.fspath(source)
    return f"camera{text}" if text.isdigit() else pathlib.PurePath(text).stem


class Video:
    """A video file or a camera, open.

    Iterating gives frames, uint8 [H, W, 3] with red first, turned as the file says.

    Args:
      source: a path, or the number of a camera as text.

    Attributes:
      name: for messages.
      is_camera: whether it ends only when somebody ends it.
      rate: frames a second.
      count: how many frames the file says that it has; None of a camera, or unknown.

    Raises:
      UserError: it cannot be opened, or the package is not installed.
    """

    def __init__(self, source):
        self._cv2 = _opencv()
        self.is_camera = is_video(source) and os.fspath(source).isdigit()
        self.name = f"camera {source}" if self.is_camera else printable(source)
        if not self.is_camera and not os.path.isfile(source):
            raise UserError(f"there is no video {self.name}")
        wanted = int(source) if self.is_camera else os.fspath(source)
        with _hushed(self._cv2):
            self._capture = self._cv2.VideoCapture(wanted)
        if not self._capture.isOpened():
            cure = "is it connected, and used by nobody else?"
            cure = cure if self.is_camera else "it is no video, or damaged"
            raise UserError(f"{self.name} cannot be opened: {cure}")
        rate = self._capture.get(self._cv2.CAP_PROP_FPS)
        self.rate = rate if 1 <= rate <= 1000 else _USUAL_RATE
        count = self._capture.get(self._cv2.CAP_PROP_FRAME_COUNT)
        self.count = int(count) if count >= 1 and not self.is_camera else None

    def __iter__(self):
        while True:
            is_there, frame = self._capture.read()
            if not is_there:
                return
            yield np.ascontiguousarray(frame[..., ::-1])

    def close(self):
        """Lets the camera, or the file, go."""
        self._capture.release()


def annotate(detector, source, output_dir, limits):
    """Writes `<name>_detections.mp4` and `<name>_detections.jsonl`.

    A line of the latter is a frame: {"frame": from 0, "seconds": from the start,
    "detections": COCO results whose image_id is the frame}. Ctrl-C ends a camera, and
    what was seen until then is kept.

    Args:
      detector: LoadedDetector.
      source: as of Video.
      output_dir: directory that exists.
      limits: has min_score, max_boxes and max_frames, which is None for all.

    Returns:
      The number of frames.

    Raises:
      UserError: it cannot be read, or is empty; nothing is written then.
    """
    target = pathlib.Path(output_dir) / f"{stem_of(source)}_detections.mp4"
    with contextlib.closing(Video(source)) as video, workspace(target) as folder:
        frames = itertools.islice(video, limits.max_frames)
        with _Outputs(folder, video.rate) as outputs:
            found = detector.stream(frames, threshold=limits.min_score)
            with _ends_camera(video):
                what, total = f"detecting in {video.name}", _expected(video, limits)
                for one in tracked(found, what, total):
                    outputs.add(one, limits.max_boxes)
        if not outputs.count:
            raise UserError(f"{video.name} has no frame that can be read")
        _warn_of_missing(video, outputs.count, _expected(video, limits))
        for file in folder.iterdir():
            file.replace(target.with_suffix(file.suffix))
    logging.info("%d frames of %s: %s", outputs.count, video.name, target)
    return outputs.count


def _expected(video, limits):
    """How many frames there will be; None where nobody knows."""
    known = [n for n in (video.count, limits.max_frames) if n is not None]
    return min(known, default=None)


@contextlib.contextmanager
def _ends_camera(video):
    try:
        yield
    except KeyboardInterrupt:
        if not video.is_camera:
            raise


def _warn_of_missing(video, count, expected):
    """A file says about how many frames it has; one that is cut short has far fewer."""
    if not video.is_camera and count < 0.9 * (expected or 0):
        logging.warning(
            "%s: only %d of %d frames could be read; the file may be damaged",
            *(video.name, count, expected),
        )


class _Outputs:
    """The two files, while they grow."""

    def __init__(self, folder, rate):
        self._cv2 = _opencv()
        self._path, self._rate = folder / "video.mp4", rate
        self._lines = open(folder / "video.jsonl", "w", encoding="utf-8")  # noqa: SIM115
        self._writer, self._size = None, None
        self.count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lines.close()
        if self._writer is not None:
            self._writer.release()

    def add(self, found, max_boxes):
        """Writes the Detections of the next frame."""
        line = {
            "frame": self.count,
            "seconds": round(self.count / self._rate, 3),
            "detections": found.to_coco(self.count),
        }
        self._lines.write(json.dumps(line) + "\n")
        self._write(found.draw(max_boxes))
        self.count += 1

    def _write(self, picture):
        if self._writer is None:
            # The codec wants even sides.
            self._size = tuple(side + side % 2 for side in picture.size)
            code = self._cv2.VideoWriter.fourcc(*_CODEC)
            self._writer = self._cv2.VideoWriter(
                str(self._path), code, self._rate, self._size
            )
            if not self._writer.isOpened():
                raise UserError(f"no video can be written to {printable(self._path)}")
        if picture.size != self._size:
            picture = picture.crop((0, 0, *self._size))
        self._writer.write(np.asarray(picture)[..., ::-1])


def _opencv():
    return needed("cv2", extra="video", package="opencv-python-headless")


@contextlib.contextmanager
def _hushed(cv2):
    """What cannot be opened is said by us, once."""
    log = cv2.utils.logging
    level = log.getLogLevel()
    log.setLogLevel(log.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        log.setLogLevel(level)
