"""The strangers of PyTorch; PyTorch itself is imported when one is built."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.networks.formulas import of_disparity
from tests.networks.stranger import IMAGENET, ZERO_TO_ONE, Size, Stranger


def _in(module: str, name: str) -> Callable[[Size, float], Any]:
    def build(size: Size, width: float) -> Any:
        return getattr(import_module(f"tests.networks.{module}"), name)(size, width)

    return build


TORCH = (
    Stranger(
        "torch_monodepth2",
        "monodepth2 (C. Godard et al., ICCV 2019)",
        "disparity sigmoid(y) of 0.1 to 10 m, outside; four outputs",
        _in("torch_cnns", "Monodepth2"),
        10.0,
        (-0.5, -5.0),
        **ZERO_TO_ONE,
        framework="torch",
        options={"disparity": (0.1, 10.0)},
        to_meters=of_disparity,
    ),
    Stranger(
        "torch_resnet_san",
        "ResNetSAN01 of packnet-sfm (V. Guizilini et al., CVPR 2021), its sparse branch left out",
        "0.5 + 14.5 sigmoid(y)",
        _in("torch_cnns", "ResNetSan"),
        15.0,
        (-2.0, 2.0),
        **ZERO_TO_ONE,
        framework="torch",
    ),
    Stranger(
        "torch_fastdepth",
        "FastDepth (D. Wofk et al., ICRA 2019)",
        "relu(batch norm(y))",
        _in("torch_cnns", "FastDepth"),
        10.0,
        (0.5, 9.0),
        **ZERO_TO_ONE,
        framework="torch",
    ),
    Stranger(
        "torch_bts",
        "BTS (J. H. Lee et al., 2019) on ResNet-18, with a plane of each 8x8 patch",
        "10 sigmoid(y)",
        _in("torch_cnns", "Bts"),
        10.0,
        (-2.0, 2.0),
        **IMAGENET,
        framework="torch",
        refused="SIN",
    ),
    Stranger(
        "torch_packnet",
        "PackNet (V. Guizilini et al., CVPR 2020), without 3D convolutions",
        "0.5 / sigmoid(y)",
        _in("torch_cnns", "PackNet"),
        10.0,
        (2.0, -2.9),
        **ZERO_TO_ONE,
        framework="torch",
    ),
    Stranger(
        "torch_enet",
        "ENet (A. Paszke et al., 2016): PReLU, asymmetric convolutions; Mish",
        "softplus(y) of a transposed convolution, squeezed",
        _in("torch_cnns", "Enet"),
        10.0,
        (-0.5, 9.0),
        **ZERO_TO_ONE,
        framework="torch",
    ),
    Stranger(
        "torch_mobilevit",
        "MobileViT blocks (S. Mehta and M. Rastegari, ICLR 2022) on EfficientNet-Lite0",
        "10 sigmoid(y)",
        _in("torch_hybrids", "MobileVit"),
        10.0,
        (-2.0, 2.0),
        size=(64, 128),
        **IMAGENET,
        framework="torch",
    ),
    Stranger(
        "torch_dpt",
        "DPT (R. Ranftl et al., ICCV 2021) on ViT-S/14, head of Depth Anything V2",
        "10 sigmoid(y)",
        _in("torch_hybrids", "Dpt"),
        10.0,
        (-2.0, 2.0),
        size=(56, 84),
        **IMAGENET,
        framework="torch",
    ),
    Stranger(
        "torch_glpn",
        "GLPN (D. Kim et al., 2022) on SegFormer's encoder",
        "10 sigmoid(y)",
        _in("torch_hybrids", "Glpn"),
        10.0,
        (-2.0, 2.0),
        **IMAGENET,
        framework="torch",
    ),
    Stranger(
        "torch_litemono",
        "Lite-Mono (N. Zhang et al., CVPR 2023)",
        "disparity sigmoid(y) of 0.1 to 10 m, outside; three outputs",
        _in("torch_hybrids", "LiteMono"),
        10.0,
        (-0.5, -5.0),
        **IMAGENET,
        framework="torch",
        options={"disparity": (0.1, 10.0)},
        to_meters=of_disparity,
    ),
)
