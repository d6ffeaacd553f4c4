"""Which delegate runs a model: by name, by path and by itself, on boards laid out in folders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tfl_depth.errors import DelegateError, ModelFileError
from tfl_depth.runtime.delegates import Board, select_delegate
from tfl_depth.runtime.delegates.model_traits import read_model_traits
from tfl_depth.runtime.delegates.table import TABLE
from tfl_depth.targets import TARGETS

MakeBoard = Callable[..., Board]
# Files of boards: as their device trees and kernels show them.
IMX93 = {"compatible": ("fsl,imx93-11x11-evk", "fsl,imx93"), "model": "NXP i.MX93 11X11 EVK board"}
IMX8MP = {"compatible": ("fsl,imx8mp-evk", "fsl,imx8mp"), "model": "NXP i.MX8MPlus EVK board"}
STM32MP2 = {
    "compatible": ("st,stm32mp257f-ev1", "st,stm32mp257"),
    "model": "STMicroelectronics STM32MP257F-EV1 Evaluation Board",
}


@pytest.fixture
def make_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeBoard:
    """Lays out a board's files in a folder; the user's cache lies there too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def make(*files: str, compatible: tuple[str, ...] = (), model: str = "") -> Board:
        tree = {"proc/device-tree/compatible": "".join(f"{name}\0" for name in compatible)}
        tree["proc/device-tree/model"] = f"{model}\0"
        for path, text in {**tree, **dict.fromkeys(files, "")}.items():
            place = tmp_path / "board" / path.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return Board(tmp_path / "board")

    return make


@pytest.fixture(scope="session")
def per_channel(net: Path) -> bytes:
    return net.read_bytes()


@pytest.fixture(scope="session")
def per_tensor(models: Path) -> bytes:
    return (models / "net-per-tensor.tflite").read_bytes()


@pytest.fixture(scope="session")
def vela(models: Path) -> bytes:
    return (models / "net-vela.tflite").read_bytes()


def compiled_for(operator: str, vela: bytes) -> bytes:
    """A file with the operator of another compiler, whose name runs over what lies behind it."""
    name = operator.encode()
    place = vela.index(b"\x07\0\0\0ethos-u\0")
    return vela[:place] + len(name).to_bytes(4, "little") + name + b"\0" + vela[place + 12 :]


# The table


def test_the_names_are_those_of_the_interface() -> None:
    names = {"ethosu", "vx", "nnapi", "armnn", "teflon", "neutron", "edgetpu", "qnn"}
    assert set(TABLE) == names | {"onnxruntime-qnn", "litert-npu"}


@pytest.mark.parametrize("name", TABLE)
def test_a_row_is_whole_and_its_defaults_are_keys_that_it_knows(name: str) -> None:
    row = TABLE[name]
    assert row.title
    assert row.libraries
    assert row.install
    assert row.source.startswith("https://")
    keys = {row.cache.option, row.cache.model_key} - {None} if row.cache is not None else set()
    assert set(row.defaults) | keys <= set(row.options)
    assert row.portable or row.compiled


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_has_its_delegate_and_gets_its_options(target: str) -> None:
    delegate = TARGETS[target].delegate
    if delegate is not None:
        row = TABLE[delegate.name]
        assert target in row.targets
        assert row.defaults == delegate.options


# What a file wants


def test_a_file_tells_its_operators_and_its_weights(
    per_channel: bytes, per_tensor: bytes, vela: bytes
) -> None:
    assert read_model_traits(vela).custom_operators == {"ethos-u"}
    assert not read_model_traits(per_channel).custom_operators
    assert read_model_traits(per_channel).per_channel
    assert not read_model_traits(per_tensor).per_channel


@pytest.mark.parametrize("length", [0, 7, 20, 200])
def test_a_damaged_file_is_refused(length: int, per_channel: bytes) -> None:
    with pytest.raises(ModelFileError):
        read_model_traits(per_channel[:length])


# By name


def test_none_is_the_cpu(per_channel: bytes) -> None:
    chosen = select_delegate(None, {}, per_channel)
    assert (chosen.name, chosen.library, chosen.options) == ("cpu", None, {})
    with pytest.raises(DelegateError, match=r"no `delegate_options`.*'device_id'"):
        select_delegate(None, {"device_id": "1"}, per_channel)


def test_a_name_finds_the_library_options_and_environment(
    make_board: MakeBoard, per_channel: bytes
) -> None:
    board = make_board("/usr/lib/libvx_delegate.so", **IMX8MP)
    chosen = select_delegate("vx", {"device_id": 1}, per_channel, board=board)
    assert chosen.name == "vx"
    assert chosen.library == str(board.root / "usr/lib/libvx_delegate.so")
    assert chosen.options["device_id"] == "1"
    assert chosen.options["allowed_cache_mode"] == "true"
    assert chosen.environment == {"USE_GPU_INFERENCE": "0"}


def test_what_the_user_says_goes_before_the_defaults(
    make_board: MakeBoard, per_channel: bytes
) -> None:
    board = make_board("/usr/lib/libvx_delegate.so", **IMX8MP)
    own = {"allowed_cache_mode": False, "cache_file_path": "/data/mine.nb"}
    chosen = select_delegate("vx", own, per_channel, board=board)
    assert chosen.options == {"allowed_cache_mode": "false", "cache_file_path": "/data/mine.nb"}


@pytest.mark.parametrize(
    "place", ["/usr/lib64", "/usr/lib/aarch64-linux-gnu", "/usr/local/lib", "/vendor/lib64"]
)
def test_a_library_may_lie_where_systems_have_theirs(
    place: str, make_board: MakeBoard, per_tensor: bytes
) -> None:
    board = make_board(f"{place}/libteflon.so")
    found = select_delegate("teflon", {}, per_tensor, board=board).library
    assert found == f"{board.root}{place}/libteflon.so"


def test_a_missing_library_is_named_with_its_places_and_what_to_do(
    make_board: MakeBoard, per_tensor: bytes
) -> None:
    with pytest.raises(
        DelegateError, match=r"teflon.*i\.MX93.*libteflon\.so in .*/usr/lib.*mesa-teflon-delegate"
    ):
        select_delegate("teflon", {}, per_tensor, board=make_board(**IMX93))


def test_an_unknown_name_lists_those_there_are(per_tensor: bytes) -> None:
    with pytest.raises(DelegateError, match=r"None, 'auto', a library's path or one of ethosu, .*"):
        select_delegate("hexagon", {}, per_tensor)


def test_an_unknown_option_names_the_known_ones(make_board: MakeBoard, per_tensor: bytes) -> None:
    board = make_board("/usr/lib/libvx_delegate.so", **IMX8MP)
    with pytest.raises(DelegateError, match=r"allowed_cache_mode.*got device_nr.*library's path"):
        select_delegate("vx", {"device_nr": "1"}, per_tensor, board=board)
    board = make_board("/usr/lib/libteflon.so")
    with pytest.raises(DelegateError, match=r"teflon \(none\), got speed"):
        select_delegate("teflon", {"speed": "1"}, per_tensor, board=board)


def test_a_path_takes_any_option_and_adds_none(tmp_path: Path, per_channel: bytes) -> None:
    library = tmp_path / "libvx_delegate.so"
    library.touch()
    chosen = select_delegate(str(library), {"newer": 3}, per_channel)
    assert (chosen.name, chosen.library) == ("libvx_delegate.so", str(library))
    assert chosen.options == {"newer": "3"}
    with pytest.raises(DelegateError, match=r"no library .*absent\.so"):
        select_delegate(str(tmp_path / "absent.so"), {}, per_channel)


def test_a_model_for_another_npu_is_refused(make_board: MakeBoard, vela: bytes) -> None:
    board = make_board("/usr/lib/libvx_delegate.so", **IMX8MP)
    with pytest.raises(DelegateError, match=r"compiled for the delegate ethosu.*vx cannot run it"):
        select_delegate("vx", {}, vela, board=board)


def test_a_portable_model_for_a_compiling_npu_is_warned_of(
    make_board: MakeBoard, per_channel: bytes
) -> None:
    board = make_board("/usr/lib/libneutron_delegate.so")
    with pytest.warns(UserWarning, match=r"not compiled for neutron.*--target imx95"):
        chosen = select_delegate("neutron", {}, per_channel, board=board)
    assert "not compiled for neutron" in chosen.reason


# Automatically

VX = ("/dev/galcore", "/usr/lib/libvx_delegate.so")


def test_auto_takes_the_delegate_of_the_board_and_says_why(
    make_board: MakeBoard, per_channel: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "tfl_depth")
    chosen = select_delegate("auto", {}, per_channel, board=make_board(*VX, **IMX8MP))
    assert chosen.name == "vx"
    assert "/dev/galcore" in chosen.reason
    assert caplog.messages == [chosen.reason]
    assert "NXP i.MX8MPlus EVK board" in chosen.reason
    assert "ethosu (no /dev/ethosu*" in chosen.reason


BOARDS: Mapping[str, tuple[str, str]] = {
    "ethosu": ("/dev/ethosu0", "/usr/lib/libethosu_delegate.so"),
    "qnn": ("/dev/fastrpc-cdsp", "/usr/lib/libQnnTFLiteDelegate.so"),
    "nnapi": ("/dev/apusys", "/usr/lib64/nnapi_external_delegate.so"),
    "teflon": (
        "/sys/bus/platform/drivers/etnaviv/38500000.npu",
        "/usr/lib/aarch64-linux-gnu/libteflon.so",
    ),
    "armnn": ("/dev/mali0", "/usr/lib/libarmnnDelegate.so.29"),
}


@pytest.mark.parametrize("name", BOARDS)
def test_auto_knows_each_kind_of_board(name: str, make_board: MakeBoard, per_tensor: bytes) -> None:
    assert select_delegate("auto", {}, per_tensor, board=make_board(*BOARDS[name])).name == name


@pytest.mark.parametrize("name", BOARDS)
def test_auto_wants_both_the_driver_and_the_library(
    name: str, make_board: MakeBoard, per_tensor: bytes
) -> None:
    for one in BOARDS[name]:
        with pytest.warns(UserWarning, match=f"the CPU runs it.*{name}"):
            chosen = select_delegate("auto", {}, per_tensor, board=make_board(one))
        assert (chosen.name, chosen.library) == ("cpu", None)
        (Path(f"{make_board().root}{one}")).unlink()


def test_auto_says_what_it_looked_for_where_the_cpu_is_left(
    make_board: MakeBoard, per_tensor: bytes
) -> None:
    with pytest.warns(UserWarning, match="NPU"):
        chosen = select_delegate("auto", {}, per_tensor, board=make_board(**STM32MP2))
    for part in ("STM32MP257F-EV1", "/dev/galcore", "libvx_delegate.so", "libteflon.so"):
        assert part in chosen.reason


def test_auto_does_not_drop_options_on_the_way_to_the_cpu(
    make_board: MakeBoard, per_tensor: bytes
) -> None:
    with (
        pytest.warns(UserWarning, match="NPU"),
        pytest.raises(DelegateError, match="no `delegate_options`"),
    ):
        select_delegate("auto", {"device_id": "0"}, per_tensor, board=make_board())


@pytest.mark.parametrize(
    ("operator", "name", "library"),
    [
        ("ethos-u", "ethosu", "libethosu_delegate.so"),
        ("NeutronGraph", "neutron", "libneutron_delegate.so"),
        ("edgetpu-custom-op", "edgetpu", "libedgetpu.so.1"),
        ("vsi-npu", "vx", "libvx_delegate.so"),
    ],
)
def test_auto_follows_the_compiler_of_a_model(
    operator: str, name: str, library: str, make_board: MakeBoard, vela: bytes
) -> None:
    model = compiled_for(operator, vela)
    assert read_model_traits(model).custom_operators == {operator}
    with pytest.raises(DelegateError, match=rf"{operator}.*{library}.*portable"):
        select_delegate(
            "auto", {}, model, board=make_board("/dev/mali0", "/usr/lib/libarmnnDelegate.so")
        )
    chosen = select_delegate("auto", {}, model, board=make_board(f"/usr/lib/{library}"))
    assert chosen.name == name
    assert f"operator '{operator}'" in chosen.reason


def test_auto_warns_of_weights_that_the_npu_does_not_take(
    make_board: MakeBoard, per_channel: bytes, per_tensor: bytes
) -> None:
    board = make_board(*VX, **STM32MP2)
    with pytest.warns(UserWarning, match=r"scale for each channel.*--target stm32mp2"):
        chosen = select_delegate("auto", {}, per_channel, board=board)
    assert "--target stm32mp2" in chosen.reason
    assert select_delegate("auto", {}, per_tensor, board=board).name == "vx"


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (IMX93["compatible"], "imx93"),
        (STM32MP2["compatible"], "stm32mp2"),
        (("radxa,rock-5b", "rockchip,rk3588"), "teflon"),
        (("qcom,qcs6490-rb3gen2", "qcom,qcm6490"), "qnn"),
        (("mediatek,mt8395-evk", "mediatek,mt8395", "mediatek,mt8195"), "nnapi"),
        (("raspberrypi,5-model-b", "brcm,bcm2712"), "cpu"),
        (("acme,board",), None),
    ],
)
def test_a_device_tree_tells_the_target(
    names: tuple[str, ...], target: str | None, make_board: MakeBoard
) -> None:
    assert make_board(compatible=names).target == target
    assert target is None or target in TARGETS
    assert Board(Path("/nowhere")).target is None


# Caches


def test_a_cache_is_made_for_each_model_library_and_release(
    make_board: MakeBoard, per_channel: bytes, per_tensor: bytes, tmp_path: Path
) -> None:
    board = make_board(*VX, **IMX8MP)

    def place(model: bytes) -> str:
        return select_delegate("vx", {}, model, board=board).options["cache_file_path"]

    first = place(per_channel)
    assert first.startswith(f"{tmp_path}/cache/tfl-depth/")
    assert Path(first).parent.is_dir()
    assert place(per_channel) == first
    places = {first, place(per_tensor)}
    (board.root / "usr/lib/libvx_delegate.so").write_text("another")
    places.add(place(per_channel))
    make_board("/etc/os-release")
    (board.root / "etc/os-release").write_text('VERSION="6.6"')
    places.add(place(per_channel))
    assert len(places) == 4


def test_a_delegate_may_want_a_folder_or_a_token(make_board: MakeBoard, per_tensor: bytes) -> None:
    board = make_board(*BOARDS["ethosu"], BOARDS["qnn"][1])
    assert Path(
        select_delegate("ethosu", {}, per_tensor, board=board).options["cache_file_path"]
    ).is_dir()
    options = select_delegate("qnn", {}, per_tensor, board=board).options
    assert Path(options["cache_dir"]).is_dir()
    assert options["model_token"] in options["cache_dir"]
    assert options["backend_type"] == "htp"
    own = select_delegate("qnn", {"model_token": "mine"}, per_tensor, board=board).options
    assert (own["model_token"], own["cache_dir"]) == ("mine", options["cache_dir"])


def test_a_delegate_without_a_cache_gets_none(
    make_board: MakeBoard, per_tensor: bytes, tmp_path: Path
) -> None:
    assert (
        select_delegate("teflon", {}, per_tensor, board=make_board(*BOARDS["teflon"])).options == {}
    )
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_made_says_what_to_do(
    make_board: MakeBoard, per_tensor: bytes, tmp_path: Path
) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(DelegateError, match=r"XDG_CACHE_HOME.*cache_file_path"):
        select_delegate("vx", {}, per_tensor, board=make_board(*VX))


def test_a_user_without_a_home_is_told_where_the_cache_may_go(
    make_board: MakeBoard, per_channel: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under any number: a DelegateError, which the CPU may follow."""

    def nobody(_number: int) -> None:
        raise KeyError

    for name in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    board = make_board("/usr/lib/libvx_delegate.so", **IMX8MP)
    with pytest.raises(DelegateError, match=r"no home folder\. Set XDG_CACHE_HOME"):
        select_delegate("vx", {}, per_channel, board=board)
