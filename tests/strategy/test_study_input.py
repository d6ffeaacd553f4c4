"""What a study works on: the files that the user names, and what decides its results."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tfl_depth.errors import DatasetError, ModelFileError
from tfl_depth.strategy.study_input import NetworkOptions, StudyInput, open_study_input


def test_calibration_and_verification_share_no_photo(small_study: StudyInput) -> None:
    images = small_study.images(100)
    assert len(images.calibration) == small_study.effort.calibration == 16
    assert len(images.verification) == 4
    assert not set(images.calibration) & set(images.verification)
    assert small_study.images(3).calibration == images.calibration[:3]


def test_the_digest_changes_with_whatever_decides_the_results(small_study: StudyInput) -> None:
    others = [
        replace(small_study, max_depth_m=9.0),
        replace(small_study, options=NetworkOptions(unit="cm")),
        replace(small_study, split="train"),
        replace(small_study, source=small_study.data / "val.txt"),
    ]
    digests = {each.sha256 for each in (small_study, *others)}
    assert len(digests) == 5
    assert replace(small_study).sha256 == small_study.sha256


def test_a_folder_s_digest_is_of_all_its_files(small_study: StudyInput, tmp_path: Path) -> None:
    saved = replace(small_study, source=tmp_path)
    (tmp_path / "variables").mkdir()
    (tmp_path / "variables" / "data").write_bytes(b"one")
    first = saved.source_sha256
    (tmp_path / "variables" / "data").write_bytes(b"two")
    second = replace(saved).source_sha256
    assert second != first
    (tmp_path / "variables").rename(tmp_path.parent / "elsewhere")
    (tmp_path / "variables").symlink_to(tmp_path.parent / "elsewhere")
    assert replace(saved).source_sha256 == second


def test_a_network_called_model_has_its_folder_s_name(small_study: StudyInput) -> None:
    assert small_study.name == "small"
    assert replace(small_study, source=Path("/zoo/lite0/model.keras")).name == "lite0"


def test_samples_are_spread_over_the_split(small_study: StudyInput) -> None:
    few = replace(small_study, effort=replace(small_study.effort, images=2))
    names = [sample.name for sample in small_study.samples]
    assert [sample.name for sample in few.samples] == [names[0], names[-1]]


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"source": Path("absent.onnx")}, ModelFileError, "no network absent.onnx"),
        ({"dataset": "nyu"}, DatasetError, "got 'nyu'"),
        ({"max_depth_m": None}, DatasetError, "has a range of 1000 m: give --max-depth"),
    ],
)
def test_what_cannot_be_is_refused(
    small_study: StudyInput, changes: dict[str, object], error: type[Exception], text: str
) -> None:
    given = {"source": small_study.source, "dataset": "pairs", "max_depth_m": 8.0, **changes}
    source, dataset, depth = given["source"], given["dataset"], given["max_depth_m"]
    with pytest.raises(error, match=text):
        open_study_input(source, dataset, small_study.data, "val", max_depth_m=depth)  # type: ignore[arg-type]
