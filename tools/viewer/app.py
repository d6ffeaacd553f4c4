"""The page's server, a WSGI application. No address contains the name of a user's file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import Conflict, HTTPException, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from tfl_depth.camera import Camera, FieldOfView
from tfl_depth.errors import CameraError, DepthError, ImageError
from tfl_depth.runtime import DepthRunner
from tfl_depth.tools.viewer.guard import HEADERS, refusal
from tfl_depth.tools.viewer.live import Live
from tfl_depth.tools.viewer.page_calibration import fitted
from tfl_depth.tools.viewer.page_data import Pictures, pack, thumbnail
from tfl_depth.tools.viewer.photos import MAX_BYTES, decode_photo, open_photo
from tfl_depth.tools.viewer.sources import PageSource, Sources

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

STATIC = resources.files("tfl_depth.tools.viewer") / "static"
TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
# Time that a request for the next frame waits. The page repeats the request.
NEXT_FRAME_S = 1.0


class App:
    """Serves one model and its inputs."""

    def __init__(
        self,
        runner: DepthRunner,
        pictures: Pictures,
        sources: Sources,
        facts: dict[str, Any],
        camera: Camera | FieldOfView | None = None,
    ) -> None:
        """Prepare the addresses.

        Args:
            runner: plays videos and cameras.
            pictures: computes the page's data.
            sources: the inputs.
            facts: about the model, for the page.
            camera: of the command, for calibrations.
        """
        self._runner, self._pictures, self._sources = runner, pictures, sources
        self._camera = camera
        self._facts = {**facts, "max_bytes": MAX_BYTES}
        self._static = {file.name: file.read_bytes() for file in STATIC.iterdir()}
        self._lock = threading.Lock()
        self._live: tuple[int, Live] | None = None
        self._urls = Map(
            Rule(path, methods=[method], endpoint=endpoint)
            for path, method, endpoint in (
                ("/", "GET", lambda _: self._file("index.html")),
                ("/static/<name>", "GET", lambda _, name: self._file(name)),
                ("/api/model", "GET", lambda _: _json(self._facts)),
                ("/api/inputs", "GET", self._list),
                ("/api/inputs/<int:number>", "GET", self._photo),
                ("/api/thumbnails/<int:number>", "GET", self._thumbnail),
                ("/api/uploads", "POST", self._upload),
                ("/api/calibration", "POST", self._calibrate),
                ("/api/live/<int:number>", "GET", self._frame),
                ("/api/live/<int:number>", "POST", self._play),
                ("/api/live", "POST", self._pause),
            )
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        response = self._answered(Request(environ))
        response.headers.update(HEADERS)
        return response(environ, start_response)

    def _answered(self, request: Request) -> Response:
        if (reason := refusal(request)) is not None:
            return _json({"error": reason}, 403)
        try:
            endpoint: Callable[..., Response]
            endpoint, arguments = self._urls.bind_to_environ(request.environ).match()
            return endpoint(request, **arguments)
        except HTTPException as error:
            return _json({"error": error.description}, error.code or 500)
        except DepthError as error:
            return _json({"error": str(error)}, 422)

    def _file(self, name: str) -> Response:
        """One of the page's own files. They are in memory, so `name` is never used as a path."""
        if name not in self._static:
            raise NotFound("The page has no such file.")
        return Response(self._static[name], content_type=TYPES[name.rpartition(".")[2]])

    def _list(self, _request: Request) -> Response:
        now = self._sources.now()
        return _json([{"id": number, "name": each.name, "kind": each.kind} for number, each in now])

    def _source(self, number: int, *, live: bool) -> PageSource:
        source = self._sources.numbered(number)
        if source is None or (source.kind != "photo") != live:
            raise NotFound("There is no such input.")
        return source

    def _photo(self, _request: Request, number: int) -> Response:
        file = self._source(number, live=False).real()
        assert isinstance(file, Path)  # noqa: S101 - a photo
        return _binary(self._pictures.of_photo(open_photo(file)))

    def _thumbnail(self, _request: Request, number: int) -> Response:
        file = self._source(number, live=False).real()
        assert isinstance(file, Path)  # noqa: S101 - a photo
        try:
            return Response(thumbnail(open_photo(file)), content_type="image/jpeg")
        except ImageError:  # reported when the photo is chosen
            return Response(status=204)

    def _upload(self, request: Request) -> Response:
        content = request.get_data(cache=False)
        if not content:
            raise ImageError("Expected a photo, got nothing.")
        return _binary(self._pictures.of_photo(decode_photo(content, "the photo")))

    def _calibrate(self, request: Request) -> Response:
        try:
            points = json.loads(request.get_data(cache=False))
        except (ValueError, RecursionError) as error:
            raise CameraError(f"Expected points as JSON: {error}.") from error
        return _json(fitted(self._runner, self._camera, points))

    def _play(self, request: Request, number: int) -> Response:
        source = self._source(number, live=True)
        from_s = max(0.0, request.args.get("from", 0.0, type=float))
        with self._lock:
            self._close_live()
            self._live = number, Live(self._runner, source.real(), from_s)
        return Response(status=204)

    def _frame(self, request: Request, number: int) -> Response:
        playing = self._live
        if playing is None or playing[0] != number:
            raise Conflict("This input does not play any more: another one does.")
        after = request.args.get("after", -1, type=int)
        newer = playing[1].newer(after, NEXT_FRAME_S)
        if newer is not None:
            frame, dropped = newer
            place = playing[1].place(frame.number)
            return _binary(self._pictures.of_frame(frame, dropped, place))
        return _binary(pack({"ended": playing[1].ended}, []))

    def _pause(self, _request: Request) -> Response:
        self.close()
        return Response(status=204)

    def close(self) -> None:
        """Stop the video or camera."""
        with self._lock:
            self._close_live()

    def _close_live(self) -> None:
        if self._live is not None:
            self._live[1].close()
        self._live = None


def _json(value: Any, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json")


def _binary(content: bytes) -> Response:
    return Response(content, content_type="application/octet-stream")
