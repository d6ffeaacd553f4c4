"""Learning from teacher networks beside the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from tests.support.small_training import RECIPE, small_net, without_curves
from tests.support.synthetic_data import write_dataset
from tfl_depth.data import load_split
from tfl_depth.data.augment import Augmentation
from tfl_depth.data.batches import Batches, Floats
from tfl_depth.data.repeated import RepeatedBatches
from tfl_depth.errors import DepthError, ModelFileError
from tfl_depth.losses import log_l1_with_gradient
from tfl_depth.training import loop, train
from tfl_depth.training.distributed import Hosts
from tfl_depth.training.journal import LOG
from tfl_depth.training.teachers import Teachers

SIZE = (64, 64)


def saved(network: keras.Model, path: Path) -> Path:
    network.save(path)
    return path


def constant(depth_m: float, path: Path) -> Path:
    """A network that sees this depth everywhere, at half of its input's size."""
    pixels = keras.Input((*SIZE, 3))
    same = layers.Conv2D(
        1, 1, 2, kernel_initializer="zeros", bias_initializer=keras.initializers.Constant(depth_m)
    )
    return saved(keras.Model(pixels, same(pixels)), path)


def some_net(path: Path, seed: int) -> Path:
    keras.utils.set_random_seed(seed)
    return saved(small_net("", SIZE, imagenet=False, drop_path=0.0, dropout=0.0), path)


def photos(count: int) -> Floats:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3)).astype(np.float32)


def test_several_teachers_are_their_geometric_mean(tmp_path: Path) -> None:
    teach = Teachers([constant(2.0, tmp_path / "a.keras"), constant(8.0, tmp_path / "b.keras")])
    np.testing.assert_allclose(teach(photos(3)), np.full((3, 32, 32, 1), 4.0), rtol=1e-6)


def test_a_mirrored_image_is_taught_the_mirrored_depth(tmp_path: Path) -> None:
    path = some_net(tmp_path / "net.keras", seed=1)
    teach, images = Teachers([path]), photos(2)
    taught = teach(images)
    np.testing.assert_allclose(teach(images[:, :, ::-1]), taught[:, :, ::-1], rtol=1e-5)
    alone = keras.saving.load_model(path, compile=False).predict_on_batch(images)
    assert not np.allclose(alone, taught, rtol=1e-3), "the network is mirrored by itself"


def test_depth_below_what_the_losses_know_is_raised_to_it(tmp_path: Path) -> None:
    taught = Teachers([constant(-1.0, tmp_path / "net.keras")])(photos(1))
    np.testing.assert_allclose(taught, 0.1, rtol=1e-6)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("data") / "data", {"train": 8, "val": 2})


def seen_by_teacher(pixels: Floats) -> Floats:
    """A teacher whose depth tells which pixels it was shown."""
    return np.asarray(1 + pixels[:, ::2, ::2].mean(axis=-1, keepdims=True), np.float32)


def batches(data: Path, mixed_share: float) -> Batches:
    return Batches(
        load_split("nyuv2", data, "train", for_training=True),
        SIZE,
        4,
        augmentation=Augmentation(),
        teacher=seen_by_teacher,
        mixed_share=mixed_share,
    )


def test_taught_depth_is_of_the_very_pixels_that_the_student_sees(data: Path) -> None:
    pixels, depths = batches(data, 0.5)[1]
    assert depths.shape == (4, 32, 32, 2)
    np.testing.assert_array_equal(depths[..., 1:], seen_by_teacher(pixels))


def test_images_that_are_not_mixed_stay_as_they_are(data: Path) -> None:
    plain = Batches(
        load_split("nyuv2", data, "train", for_training=True), SIZE, 4, augmentation=Augmentation()
    )
    pixels, depths = batches(data, 0.0)[0]
    np.testing.assert_array_equal(pixels, plain[0][0])
    np.testing.assert_array_equal(depths[..., :1], plain[0][1][:, ::2, ::2])


def test_mixed_images_are_two_images_and_have_no_true_depth(data: Path) -> None:
    pure, _ = batches(data, 0.0)[0]
    pixels, depths = batches(data, 1.0)[0]
    assert not depths[..., 0].any()
    low, high = np.minimum(pure, np.roll(pure, 1, axis=0)), np.maximum(pure, np.roll(pure, 1, 0))
    assert ((low - 0.5 <= pixels) & (pixels <= high + 0.5)).all()
    assert (np.abs(pixels - pure).mean(axis=(1, 2, 3)) > 1).all()


def test_repeated_epochs_come_again_every_second_round_mirrored(data: Path) -> None:
    asked: list[int] = []

    def counted(pixels: Floats) -> Floats:
        asked.append(len(pixels))
        return seen_by_teacher(pixels)

    samples = load_split("nyuv2", data, "train", for_training=True)
    fresh = batches(data, 0.5)
    source = Batches(
        samples, SIZE, 4, augmentation=Augmentation(), teacher=counted, mixed_share=0.5
    )
    repeated = RepeatedBatches(source, 2)
    assert len(repeated) == len(fresh) == 2
    for epoch in range(6):
        repeated.start_epoch(epoch)
        fresh.start_epoch(epoch % 2)
        step = -1 if epoch in (2, 3) else 1
        for index in range(2):
            for found, expected in zip(repeated[index], fresh[index], strict=True):
                assert found.dtype == np.float32
                np.testing.assert_array_equal(found, expected[:, :, ::step])
    assert asked == [4] * 4, "the teacher was asked again"


def test_the_share_of_mixed_images_is_the_recipes(data: Path) -> None:
    source = batches(data, 0.4)
    mixed = []
    for epoch in range(60):
        source.start_epoch(epoch)
        mixed += [not depths[..., 0].any() for _, batch in map(source.__getitem__, range(2))
                  for depths in batch]  # fmt: skip
    assert 0.3 < np.mean(mixed) < 0.5


def test_the_loss_weighs_truth_and_teachers() -> None:
    rng = np.random.default_rng(0)
    true, taught, seen = rng.uniform(1, 5, (3, 2, 16, 16, 1)).astype(np.float32)
    recipe = replace(RECIPE, teachers=("a.keras",), teacher_share=0.25)
    loss = loop._loss(recipe)(np.concatenate([true, taught], axis=-1), seen)
    parts = [float(log_l1_with_gradient(depth, seen)) for depth in (true, taught)]
    assert float(loss) == pytest.approx(0.75 * parts[0] + 0.25 * parts[1], rel=1e-5)


def test_a_student_learns_what_only_its_teachers_say(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teachers see 6 m everywhere, in images that show 1 to 4 m."""
    monkeypatch.setattr(loop, "depth_net", small_net)
    without_curves(monkeypatch)
    constant(6.0, tmp_path / "teacher.keras")
    recipe = replace(
        RECIPE,
        teachers=("teacher.keras",),
        teacher_share=1.0,
        mixed_share=0.5,
        drop_path=0.0,
        dropout=0.0,
        epochs=(8,),
        learning_rate=(0.1,),
    )
    run = tmp_path / "run"
    train(recipe, data, run, start_folder=tmp_path)
    # The last epoch: the best by the truth is another.
    log = np.genfromtxt(run / LOG, delimiter=",", names=True)
    assert log["loss"][-1] < 0.2 * log["loss"][0]
    assert log["val_abs_rel"][-1] > 1, "it learned the truth instead"


def test_a_teacher_that_cannot_be_read_is_refused(data: Path, tmp_path: Path) -> None:
    recipe = replace(RECIPE, teachers=("none.keras",), teacher_share=0.5)
    with pytest.raises(ModelFileError, match=r"none\.keras to be a \.keras file"):
        loop._teacher(recipe, tmp_path, Hosts(0, 1))


def test_teachers_on_several_hosts_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DepthError, match="one host"):
        loop._teacher(replace(RECIPE, teachers=("none.keras",)), tmp_path, Hosts(0, 2))
