"""`DepthRunner`: a .tflite file in, millimeters out."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping, Sized
from dataclasses import replace
from time import perf_counter
from typing import Any, Literal, overload

import numpy as np

from tfl_depth.camera import Camera, FieldOfView
from tfl_depth.choices import expect_choice
from tfl_depth.encoding import DepthCorrection, DepthMm
from tfl_depth.errors import CameraError, DepthError, ProofError
from tfl_depth.format.contract import Contract
from tfl_depth.intrinsics import Intrinsics
from tfl_depth.progress_bars import with_bar
from tfl_depth.runtime.batch import batch_images, infer_batch, runner_count
from tfl_depth.runtime.clip_colors import ClipColors, ColorRange
from tfl_depth.runtime.closeable import Closeable
from tfl_depth.runtime.colorize import Colormap
from tfl_depth.runtime.delegates.coverage import DelegateCoverage
from tfl_depth.runtime.depth_map import DepthMap
from tfl_depth.runtime.engines.open import open_fallback_engine
from tfl_depth.runtime.exclusive import Exclusive
from tfl_depth.runtime.fit import Fit
from tfl_depth.runtime.frame_decoder import FrameDecoder
from tfl_depth.runtime.frame_options import DepthSize, expect_frame_options, expect_output
from tfl_depth.runtime.frame_views import FrameViews
from tfl_depth.runtime.golden_check import GoldenCheck, check_golden
from tfl_depth.runtime.measurement import Measurement
from tfl_depth.runtime.model_content import ModelSource, read_model_content
from tfl_depth.runtime.options import OnFault, RunnerOptions, UpsampleName
from tfl_depth.runtime.preparer import Preparer
from tfl_depth.runtime.preprocess import AnyImage, Channels, Pixels, load_pixels
from tfl_depth.runtime.stream import OnFull, Source, Stream
from tfl_depth.runtime.temporal_filter import Smoothing
from tfl_depth.runtime.undistort import undistorter_of
from tfl_depth.runtime.warm_up import WarmUp, warm_up

Prove = Literal[None, "first"]


class DepthRunner(Closeable):
    """Runs one depth model. A context manager; safe to share between threads.

    Attributes:
        contract: of the model.
        depth_dtype: of the depth that `infer` returns: uint16, or uint32 for ranges above 65.535 m,
            after correction.
        model_size: (height, width) of the network's input.
        grid_size: (height, width) of the network's output.
        fit: how frames of another aspect come to the network: by the contract, or as chosen.
    """

    def __init__(
        self,
        model: ModelSource,
        *,
        num_threads: int | None = None,
        xnnpack: bool | None = None,
        public_key: str | os.PathLike[str] | bytes | None = None,
        delegate: str | None = None,
        delegate_options: Mapping[str, Any] | None = None,
        strict: bool = False,
        isolate: bool = False,
        timeout_s: float = 5.0,
        start_timeout_s: float = 120.0,
        on_fault: OnFault = "raise",
        fallback_model: ModelSource | None = None,
        prove: Prove = None,
        camera: Camera | FieldOfView | None = None,
        correct_focal: bool | None = None,
        undistort: bool = False,
        fit: Fit | None = None,
        upsample: UpsampleName = "bilinear",
    ) -> None:
        """Open a model that tfl-depth convert has written.

        Args:
            model: path of the .tflite file, the name of a network of the zoo, or the file's bytes.
            num_threads: for CPU kernels; None: all cores that this process may use.
            xnnpack: True: XNNPACK runs the operators that no delegate takes. False: TensorFlow
                Lite's own kernels run them. None: True without a delegate, False with one.
            public_key: path or content of a PEM file; the model must be signed with its private
                key (tfl-depth sign). Needs the package cryptography: tfl-depth[sign].
            delegate: runs the model instead of the CPU: a name (docs/delegates-and-faults.md),
                "auto", or the path of a delegate's library; None for the CPU.
            delegate_options: keys and values for the delegate's creation.
            strict: raise an error, instead of a warning, if the delegate does not take all the
                operators that it should.
            isolate: run the interpreter in a separate process. A crash or a hang of the delegate is
                then an error and does not end this process.
            timeout_s: with `isolate`, the time limit of a frame; above 0.
            start_timeout_s: with `isolate`, the time limit of the opening, and of the first frame,
                during which many delegates compile the model; above 0.
            on_fault: what happens if the delegate fails, at the start or at a frame. "raise" raises
                the error. "cpu" continues on the CPU from that frame, with a warning.
            fallback_model: the model that the CPU runs then; None for `model` itself, which must
                not be compiled for an NPU.
            prove: "first" runs `prove` at the start, and raises an error if the depth is wrong.
            camera: that takes the pictures. Its calibration of depth, where its file has one,
                corrects depth.
            correct_focal: whether depth is multiplied by the ratio of the camera's focal length to
                that which the network was trained for; None: where a measurement in the contract
                shows that the network obeys it (docs/cameras.md).
            undistort: whether pictures are freed of the distortion of the camera's lens first;
                depth is then that of the `undistorted` picture.
            fit: how a picture of another aspect than the network's comes to it: "stretch", "crop"
                to its middle, or "pad" with a border; None: as in calibration, by the contract.
                Depth is 0 where the network sees nothing of the picture.
            upsample: how depth of the network's grid comes to the picture's size: "bilinear", or
                "guided" by the picture's edges (docs/decisions/020-guided-enlargement.md).

        Raises:
            ModelFileError: the file is missing, damaged or not a model.
            SignatureError: with `public_key`, the signature is missing or wrong, or cannot be
                checked.
            ContractError: the model has no contract, one of another version, or does not match it;
                or `fallback_model` is of another network.
            InterpreterError: no interpreter package is installed, or it refuses the model.
            DelegateRequiredError: the model is compiled for an NPU.
            DelegateError: the delegate is missing, does not start, refuses the model, or, with
                `strict`, takes too few operators.
            ProofError: with `prove`, the depth is wrong.
            CameraError: the camera does not fit the model or the other arguments.
            DepthError: another argument has a value that is not allowed.
        """
        expect_choice("prove", prove, Prove)
        options = RunnerOptions(
            num_threads=num_threads,
            xnnpack=xnnpack,
            delegate=delegate,
            delegate_options=dict(delegate_options or {}),
            strict=strict,
            isolate=isolate,
            timeout_s=timeout_s,
            start_timeout_s=start_timeout_s,
            on_fault=on_fault,
            camera=camera,
            correct_focal=correct_focal,
            undistort=undistort,
            fit=fit,
            upsample=upsample,
        )
        if fallback_model is not None and on_fault != "cpu":
            raise DepthError('`fallback_model` needs on_fault="cpu".')
        content = read_model_content(model, public_key)
        reserve = None if fallback_model is None else read_model_content(fallback_model, public_key)
        self._open(content, reserve, options)
        if prove == "first":
            self._expect_right()

    def _open(self, content: bytes, reserve: bytes | None, options: RunnerOptions) -> None:
        """Open a new runner's model, and its fallback on the CPU."""
        self._undistort = undistorter_of(options.camera) if options.undistort else None
        self._content, self._reserve, self._options = content, reserve, options
        self._engine = open_fallback_engine(content, reserve, options)
        self._use = Exclusive()
        self.contract: Contract = self._engine.info.contract
        self.model_size = (self.contract.height, self.contract.width)
        self.grid_size = self._engine.info.grid_size
        self._state = self._engine.new_frame_state()
        try:
            self._views = FrameViews(
                self.contract, self._pinhole, options.fit, options.correct_focal
            )
        except DepthError:
            self.close()
            raise
        self.fit = self._views.fit
        self._prepare = Preparer(self._views)
        self._decode = FrameDecoder(self._engine, options.upsample)
        self.depth_dtype = self._views.dtype

    def __repr__(self) -> str:
        delegate = self.delegate_coverage.delegate or "the CPU"
        return f"<DepthRunner {self.contract.in_short}, on {delegate}>"

    @property
    def delegate_coverage(self) -> DelegateCoverage:
        """Where the operators of the model run. After a fault, those of the fallback."""
        return self._engine.info.coverage

    @property
    def range_m(self) -> tuple[float, float]:
        """The nearest and the farthest depth of the model, in meters."""
        return self.contract.edges_m[0], self.contract.edges_m[-1]

    @property
    def correction_note(self) -> str | None:
        """A sentence on why depth is not corrected although there is a camera, or None."""
        return self._views.note

    def correction(self, size: tuple[int, ...]) -> DepthCorrection:
        """What is made of the network's depth for pictures of `size` (height, width).

        Raises:
            CameraError: the camera takes no pictures of this aspect.
        """
        height, width = size
        return self._views.of((height, width)).correction

    def intrinsics(self, size: tuple[int, ...]) -> Intrinsics:
        """The camera of a depth map of `size` (height, width), for a point cloud.

        Raises:
            CameraError: the runner has no camera, or one without a focal length or of another
                aspect.
        """
        camera = self._pinhole
        if camera is None:
            raise CameraError("The runner has no camera: open it with `camera`.")
        return camera.at(size)

    @property
    def _pinhole(self) -> Camera | FieldOfView | None:
        """The camera of the pictures that the network gets."""
        return self._options.camera if self._undistort is None else self._undistort.camera

    def undistorted(self, img: AnyImage, *, channels: Channels = "bgr") -> Pixels:
        """The picture that depth is of: with `undistort`, without its lens' distortion.

        Args:
            img: as for `infer`.
            channels: as for `infer`.

        Returns:
            (H, W, 3) or (H, W) uint8 in the order of `channels`; of a file, BGR.

        Raises:
            ImageError: not an image.
            CameraError: a picture of another aspect than the camera's.
        """
        pixels, _ = load_pixels(img, channels)
        return pixels if self._undistort is None else self._undistort(pixels)

    def infer(
        self,
        img: AnyImage,
        *,
        size: DepthSize = "image",
        channels: Channels = "bgr",
        out: DepthMm | None = None,
    ) -> DepthMm:
        """Compute the depth of one image.

        Args:
            img: a path, a PIL image, or a uint8 array: (H, W, 3), gray (H, W) or (H, W, 1), or
                with an alpha channel, which is ignored, (H, W, 4).
            size: "image" for depth at the image's size, "model" for the network's output size.
            channels: order of an array's channels, "bgr" (or BGRA) as from OpenCV, or "rgb".
            out: array for the depth, (H, W) of `depth_dtype`, C-contiguous. It is returned.

        Returns:
            (H, W) of `depth_dtype`: millimeters along the optical axis, 0 = no depth. It is a
            `DepthMap`, an array that a notebook shows as a picture, or `out` itself.

        Raises:
            ImageError: not an image.
            SelfCheckError: the interpreter or its delegate computes the model wrongly. All of `out`
                is 0.
            CameraError: the camera takes no such image.
            DepthError: the runner is closed, or `out` does not fit.
        """
        pixels, order, depth_mm = self._load(img, size, channels, out)
        with self._use:
            self._run_frame(pixels, order, depth_mm, whole=size == "image")
        return depth_mm.view(DepthMap) if out is None else depth_mm

    def measure(
        self,
        img: AnyImage,
        *,
        size: DepthSize = "image",
        channels: Channels = "bgr",
        out: DepthMm | None = None,
    ) -> Measurement:
        """Compute depth as `infer`, with the self-check's result and the time of each part."""
        pixels, order, depth_mm = self._load(img, size, channels, out)
        with self._use:
            begin_s = perf_counter()
            self._run_frame(pixels, order, depth_mm, whole=size == "image")
            state = self._state
            return Measurement(
                depth_mm=depth_mm.view(DepthMap) if out is None else depth_mm,
                disagreement=state.disagreement,
                prepare_s=state.written_s - begin_s,
                invoke_s=state.invoke_s,
                postprocess_s=perf_counter() - state.written_s - state.invoke_s,
                fallback=state.fallback,
            )

    def _load(
        self, img: AnyImage, size: DepthSize, channels: Channels, out: Any
    ) -> tuple[Pixels, Channels, DepthMm]:
        """Return an image's pixels, their order of colors, and the array for its depth."""
        self.expect_own_process()
        expect_frame_options(size, channels)
        pixels, order = load_pixels(img, channels)
        if self._undistort is not None:
            pixels = self._undistort(pixels)
        shape = pixels.shape[:2] if size == "image" else self.grid_size
        if out is None:
            return pixels, order, np.empty(shape, self.depth_dtype)
        return pixels, order, expect_output(out, shape, self.depth_dtype)

    def _run_frame(
        self, pixels: Pixels, order: Channels, depth_mm: DepthMm, *, whole: bool
    ) -> None:
        """From an image to its depth, `whole` or of the network's grid, with the lock held."""
        view, fitted = self._prepare(pixels)
        self._engine.run(fitted, order, self._state)
        self._decode(fitted, order, self._state, view, pixels, depth_mm, whole=whole)

    def stream(
        self,
        source: Source,
        *,
        size: DepthSize = "image",
        channels: Channels = "bgr",
        on_full: OnFull = "block",
        waiting: int = 2,
        smooth: Smoothing | None = None,
        every: int = 1,
        realtime: bool = False,
    ) -> Stream:
        """Compute the depth of a stream's frames. The next frames are read at the same time.

        Args:
            source: a camera's number, a path, a folder, a pattern, an address or a pipeline
                (docs/infer.md), or an iterable of images as for `infer`. Another thread iterates
                over it. It must not change an array that it has yielded.
            size: as for `infer`.
            channels: order of the arrays of an iterable.
            on_full: what happens if the network is slower than the source. "block" makes the source
                wait, and "drop_oldest" drops the oldest waiting frame.
            waiting: how many frames may wait for the network.
            smooth: how depth is smoothed over the frames that are given; None for not at all.
            every: 1 takes every frame, 5 every fifth one.
            realtime: play a video file at its own pace, as a camera would. With
                on_full="drop_oldest", frames that the network is too slow for are dropped.

        Returns:
            An iterator over `StreamFrame`s in the source's order. It is a context manager.

        Raises:
            ImageError: there is no such camera or video, or the source is of another type.
            DepthError: another argument has a value that is not allowed.
        """
        expect_frame_options(size, channels)
        return Stream(
            source,
            engine=self._engine,
            views=self._views,
            undistort=self._undistort,
            grid_size=self.grid_size if size == "model" else None,
            channels=channels,
            on_full=on_full,
            waiting=waiting,
            upsample=self._options.upsample,
            smooth=smooth,
            every=every,
            realtime=realtime,
        )

    def show(
        self,
        source: Source,
        *,
        range: ColorRange | None = None,
        colormap: Colormap = "cividis",
        frames: int | None = None,
        every: int = 1,
        realtime: bool = False,
    ) -> bool:
        """Show a source beside its depth in a window, until it ends or the window is closed.

        Q and Escape close it. The next photo comes with any other key.

        Args:
            source: as for `stream`.
            range: as for `ClipColors`; None: the model's range.
            colormap: as for `colorize`.
            frames: stop after so many.
            every: as for `stream`.
            realtime: as for `stream`.

        Returns:
            Whether the window was open at the end.

        Raises:
            DepthError: this OpenCV has no windows, or there is no display.
            ImageError: as for `stream`.
        """
        from tfl_depth.runtime.live_view import show_depth  # boards have no window

        colors = ClipColors(range or self.range_m, colormap)
        return show_depth(self, source, colors, frames, every=every, realtime=realtime)

    @overload
    def infer_batch(
        self,
        images: Iterable[AnyImage],
        *,
        size: DepthSize = ...,
        channels: Channels = ...,
        workers: int | None = ...,
        progress: bool | None = ...,
        skip_bad: Literal[False] = ...,
    ) -> Generator[DepthMm, None, None]: ...

    @overload
    def infer_batch(
        self,
        images: Iterable[AnyImage],
        *,
        size: DepthSize = ...,
        channels: Channels = ...,
        workers: int | None = ...,
        progress: bool | None = ...,
        skip_bad: bool,
    ) -> Generator[DepthMm | None, None, None]: ...

    def infer_batch(
        self,
        images: Iterable[AnyImage],
        *,
        size: DepthSize = "image",
        channels: Channels = "bgr",
        workers: int | None = None,
        skip_bad: bool = False,
        progress: bool | None = None,
    ) -> Generator[Any, None, None]:
        """Compute the depth of many images on all cores, one image on each core.

        Args:
            images: as for `infer`, or a folder or a pattern for its photos. Each is read only when
                it is needed.
            size: as for `infer`.
            channels: as for `infer`.
            workers: number of interpreters, each with one thread. None: one for each core, or one
                with a delegate, since an NPU may not serve two.
            skip_bad: give None for an image that cannot be used, with a `SkippedImageWarning`, and
                continue. Without it, its error ends the batch.
            progress: whether a bar shows the progress; None: in a terminal and in a notebook.

        Returns:
            An iterator over the depths in the order of `images`. Its `close` frees the workers
            early.

        Raises:
            ImageError: the folder or the pattern has no photo.
        """
        expect_frame_options(size, channels)
        images = batch_images(images)
        count = runner_count(workers, self.delegate_coverage.delegate)
        self._engine.expect_open()
        runners = [self._copy() for _ in range(count)]
        depths = infer_batch(runners, images, skip_bad=skip_bad, size=size, channels=channels)
        total = len(images) if isinstance(images, Sized) else None
        return with_bar(depths, total, "infer", progress)

    def _copy(self) -> DepthRunner:
        """Open the same model once more, with one thread."""
        copy = DepthRunner.__new__(DepthRunner)
        copy._open(self._content, self._reserve, replace(self._options, num_threads=1))
        return copy

    def warm_up(self, runs: int = 5) -> WarmUp:
        """Run the network on a black image. A delegate may compile the model now, for minutes.

        Args:
            runs: number of runs after the first one, to measure the usual time.

        Raises:
            DepthError: the runner is closed, or `runs` is less than 1.
        """
        pixels = np.zeros((*self.model_size, 3), np.uint8)
        state = self._engine.new_frame_state()
        return warm_up(lambda: self._engine.run(pixels, "rgb", state), runs)

    def prove(self) -> GoldenCheck:
        """Run the model's golden vectors, and compare the depth with that of the reference kernels.

        Raises:
            ContractError: the model has no golden vectors.
            InterpreterError: the interpreter or its delegate fails.
            DepthError: the runner is closed.
        """
        from tfl_depth.format.golden import read_golden  # it brings zipfile

        self._engine.expect_open()
        return check_golden(self._engine, read_golden(self._content, self.contract))

    def _expect_right(self) -> None:
        """Run `prove`. If the depth is wrong, close and raise an error."""
        try:
            proof = self.prove()
            if proof.verdict == "wrong":
                raise ProofError(f"{proof} The interpreter or its delegate computes it wrongly.")
        except DepthError:
            self.close()
            raise

    def _close(self) -> None:
        """Free the network's memory."""
        self._engine.close()
        self._content = b""
