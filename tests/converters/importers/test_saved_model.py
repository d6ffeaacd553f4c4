"""SavedModel folders, of Keras and of TensorFlow itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from tests.converters.importers.test_keras3 import photo, several
from tfl_depth.converters.importers import import_difference, import_network
from tfl_depth.errors import ConversionError


class Plain(tf.Module):  # type: ignore[misc]
    """A network of TensorFlow without Keras."""

    def __init__(self) -> None:
        super().__init__()
        kernel = np.random.default_rng(0).normal(0, 0.1, (3, 3, 3, 1))
        self.kernel = tf.Variable(kernel, dtype=tf.float32)

    def __call__(self, image: Any) -> Any:
        depth = tf.nn.conv2d(tf.cast(image, tf.float32), self.kernel, 1, "SAME")
        return {"depth": tf.nn.elu(depth)}


def save(
    folder: Path,
    shape: tuple[int | None, ...],
    dtype: Any = tf.float32,
    names: tuple[str, ...] = ("serving_default",),
) -> Path:
    module = Plain()
    function = tf.function(module.__call__, input_signature=[tf.TensorSpec(shape, dtype, "image")])
    tf.saved_model.save(module, str(folder), dict.fromkeys(names, function))
    return folder


def test_what_keras_exports(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    model = several()
    model.export(tmp_path / "net", verbose=False)
    capfd.readouterr()
    found = import_network(tmp_path / "net")
    assert capfd.readouterr() == ("", "")
    assert (found.format, found.framework) == ("saved_model", "tensorflow")
    assert import_difference(found, [photo()]) < 1e-3
    expected = {tuple(each.shape): np.asarray(each) for each in model(photo())}
    for each in found.run(photo()):
        assert np.abs(each - expected[each.shape]).max() < 1e-3


def test_open_sizes(tmp_path: Path) -> None:
    folder = save(tmp_path / "net", (None, None, None, 3))
    with pytest.raises(ConversionError, match="with --size HxW"):
        import_network(folder)
    found = import_network(folder, size=(16, 24))
    assert found.output_names == ("depth",)
    assert import_difference(found, [photo()]) < 1e-4


def test_bytes_as_pixels(tmp_path: Path) -> None:
    found = import_network(save(tmp_path / "net", (1, 16, 24, 3), tf.uint8))
    assert import_difference(found, [photo()]) < 1e-4


def test_refusals(tmp_path: Path) -> None:
    folder = save(tmp_path / "several", (1, 16, 24, 3), names=("a", "b"))
    with pytest.raises(ConversionError, match=r"signature serving_default, it has a, b"):
        import_network(folder)
    folder = save(tmp_path / "damaged", (1, 16, 24, 3))
    (folder / "variables" / "variables.data-00000-of-00001").unlink()
    with pytest.raises(ConversionError, match="damaged SavedModel, or was copied in part"):
        import_network(folder)
    (folder / "saved_model.pb").write_bytes(b"none")
    with pytest.raises(ConversionError, match="damaged SavedModel, or was copied in part"):
        import_network(folder)
