"""The scores of one image, and their sums, so that many processes can measure images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tfl_depth.data.datasets import Dataset
from tfl_depth.data.samples import Sample
from tfl_depth.evaluation.edges import EdgeDistances, EdgeErrors
from tfl_depth.evaluation.evaluate import Predictor, evaluate
from tfl_depth.evaluation.metrics import BinnedMetrics, PixelSums, PooledMetrics
from tfl_depth.evaluation.zooms import ZoomScores, zoom_scores

__all__ = ["ImageScores", "ScoreTotals", "score_image"]


@dataclass(frozen=True)
class ImageScores:
    """The scores of an image.

    Attributes:
        name: of the sample.
        marked: as in `Sample`.
        metrics: of the image; None if none of its pixels counts.
        pooled: its pixels.
        bins: its pixels by distance.
        edges: its edges.
        zooms: at several zooms, if asked for.
    """

    name: str
    marked: int
    metrics: dict[str, float] | None
    pooled: PixelSums
    bins: tuple[PixelSums, ...]
    edges: EdgeDistances
    zooms: ZoomScores | None


def score_image(
    predict: Predictor,
    sample: Sample,
    dataset: Dataset,
    edges_m: Sequence[float],
    zooms: Sequence[float],
) -> ImageScores:
    """Measure one image.

    Args:
        predict: gives the depth of an RGB image.
        sample: the image and its truth.
        dataset: has the range.
        edges_m: of the bins of true distance, meters.
        zooms: to show it at; none: leave them out.
    """
    pooled, bins, edges = PooledMetrics(), BinnedMetrics(edges_m), EdgeErrors()
    rows = evaluate(predict, [sample], dataset, collectors=(pooled, bins), edges=edges)
    return ImageScores(
        name=sample.name,
        marked=sample.marked,
        metrics=rows[0] if rows else None,
        pooled=pooled.sums(),
        bins=bins.sums(),
        edges=edges.distances(),
        zooms=zoom_scores(predict, sample, dataset, zooms) if zooms else None,
    )


class ScoreTotals:
    """Sums images up, in their order: the same numbers, whichever process measured them.

    Attributes:
        images: the images with a pixel that counts.
        places: their places among all images.
        rows: their metrics.
        marked: pixels with a mark of no reading, of all images.
        pooled, bins, edges: over the images.
        zooms: of all images; empty if not asked for.
    """

    def __init__(self, images: Iterable[ImageScores], edges_m: Sequence[float]) -> None:
        """Sum up; `edges_m` as for `score_image`."""
        self.images: list[ImageScores] = []
        self.places: list[int] = []
        self.rows: list[dict[str, float]] = []
        self.marked = 0
        self.pooled, self.bins = PooledMetrics(), BinnedMetrics(edges_m)
        self.edges = EdgeErrors()
        self.zooms: list[ZoomScores] = []
        for place, image in enumerate(images):
            self.marked += image.marked
            if image.zooms is not None:
                self.zooms.append(image.zooms)
            if image.metrics is not None:
                self.places.append(place)
                self._add(image, image.metrics)

    def _add(self, image: ImageScores, metrics: dict[str, float]) -> None:
        self.images.append(image)
        self.rows.append(metrics)
        self.pooled.merge(image.pooled)
        self.bins.merge(image.bins)
        self.edges.merge(image.edges)
