"""Genotypes that papers published, as data: reference points for counting, drawing and evaluation.

Each is transcribed from released code: cells into the notation of DARTS, chains of blocks, which are long, into names
in a row.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.core.genotype import Cell, Genotype, parse


@dataclass(frozen=True)
class Published:
    """A genotype's literal, and the paper and repository file that printed it."""

    literal: str
    source: str

    @property
    def genotype(self) -> Genotype:
        return parse(self.literal)


def _chain(kind: str, blocks: str) -> str:
    """A chain as JSON. Its blocks are written as in mbconv6_5x5: 6_5x5; a dash is a skip."""
    names = ["skip_connect" if block == "-" else f"mbconv{block}" for block in blocks.split()]
    nodes = tuple(((name, state),) for state, name in enumerate(names))
    return json.dumps(Genotype(((kind, Cell(1, nodes, (len(nodes),))),)).to_json())


PUBLISHED: dict[str, Published] = {
    "DARTS_V1": Published(
        "Genotype(normal=[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), "
        "('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), "
        "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)], "
        "reduce_concat=[2, 3, 4, 5])",
        "Liu et al., DARTS (ICLR 2019), first order; github.com/quark0/darts cnn/genotypes.py",
    ),
    "DARTS_V2": Published(
        "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
        "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), "
        "('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], "
        "reduce_concat=[2, 3, 4, 5])",
        "Liu et al., DARTS (ICLR 2019), second order; github.com/quark0/darts cnn/genotypes.py",
    ),
    "PDARTS": Published(
        "Genotype(normal=[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 1), "
        "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 0), ('dil_conv_5x5', 4)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), "
        "('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)], "
        "reduce_concat=[2, 3, 4, 5])",
        "Chen et al., Progressive DARTS (ICCV 2019), CIFAR-10; github.com/chenxin061/pdarts genotypes.py",
    ),
    "PC_DARTS_cifar": Published(
        "Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1), "
        "('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2), "
        "('sep_conv_3x3', 0), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)], "
        "reduce_concat=[2, 3, 4, 5])",
        "Xu et al., PC-DARTS (ICLR 2020), CIFAR-10; github.com/yuhuixu1993/PC-DARTS genotypes.py",
    ),
    "PC_DARTS_image": Published(
        "Genotype(normal=[('skip_connect', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 0), ('skip_connect', 1), "
        "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('dil_conv_5x5', 4)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_5x5', 2), ('max_pool_3x3', 1), "
        "('sep_conv_3x3', 2), ('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 3)], "
        "reduce_concat=[2, 3, 4, 5])",
        "Xu et al., PC-DARTS (ICLR 2020), ImageNet; github.com/yuhuixu1993/PC-DARTS genotypes.py",
    ),
    "GDAS_V1": Published(
        "Genotype(normal=[('skip_connect', 0), ('skip_connect', 1), ('skip_connect', 0), ('sep_conv_5x5', 2), "
        "('sep_conv_3x3', 3), ('skip_connect', 0), ('sep_conv_5x5', 4), ('sep_conv_3x3', 3)], "
        "normal_concat=[2, 3, 4, 5], "
        "reduce=[('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('sep_conv_5x5', 1), "
        "('dil_conv_5x5', 2), ('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_5x5', 1)], "
        "reduce_concat=[2, 3, 4, 5])",
        "Dong and Yang, GDAS (CVPR 2019); github.com/D-X-Y/AutoDL-Projects xautodl/nas_infer_model/DXYs/genotypes.py",
    ),
    "ProxylessNAS-GPU": Published(
        _chain(
            "mobile",
            "3_5x5 - - - 3_7x7 - - 3_3x3 6_7x7 - - 3_5x5 6_5x5 - 3_3x3 3_5x5 6_7x7 6_7x7 6_7x7 6_5x5 6_7x7",
        ),
        "Cai et al., ProxylessNAS (ICLR 2019), of width 1728; the network that github.com/mit-han-lab/proxylessnas "
        "loads, proxyless_gpu.config, as github.com/osmr/imgclsmob pytorchcv/models/proxylessnas.py lists it",
    ),
    "FBNet-C": Published(
        _chain(
            "fbnet",
            "1_3x3 6_3x3 - 1_3x3 1_3x3 6_5x5 3_5x5 6_5x5 6_3x3 6_5x5 3_5x5 6_5x5 6_5x5 6_5x5 6_5x5 6_5x5 3_5x5 "
            "6_5x5 6_5x5 6_5x5 6_5x5 6_3x3",
        ),
        "Wu et al., FBNet (CVPR 2019); github.com/facebookresearch/mobile-vision mobile_cv/arch/fbnet_v2/"
        "fbnet_modeldef_cls_fbnet.py, which makes 5.57 M parameters and 378 M MACs; the paper prints 5.5 M and 375 M",
    ),
}
