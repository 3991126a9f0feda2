"""Methods that learn a distribution over sub-networks, and train those that it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from methods.composition import Composition

# Choices: no label smoothing in the weights' loss; cells of the DARTS family are derived as DARTS does.
PROXYLESS = Composition(
    "one sampled path per edge trains the weights, two move alpha",
    "ProxylessNAS (Cai et al., ICLR 2019), section 3.2; mit-han-lab/proxylessnas search/imagenet_arch_search.py, "
    "search/nas_manager.py, without latency",
    rule="adam",
    lookahead="first-order",
    relaxation="binary-gates",
    edge="sparse",
    schedule="warmed",
    sampler="sampled",
    settings={
        "epochs": 160,
        "warmup": 40,
        "cadence": 5,
        "order": "weights-first",
        "batch": 256,
        "valid_batch": 256,
        "lr_min": 0.0,
        "nesterov": True,
        "weight_decay": 4e-5,
        "alpha_lr": 1e-3,
        "alpha_beta1": 0.0,
        "alpha_weight_decay": 0.0,
    },
    on={"nasbench201": {"batch": 64, "valid_batch": 64}},  # choice: as the benchmark's methods
)
PROXYLESS_RL = replace(
    PROXYLESS,
    summary="one sampled path per edge, and the policy gradient of its accuracy",
    source="ProxylessNAS (Cai et al., ICLR 2019), section 3.3.2; mit-han-lab/proxylessnas search/nas_manager.py, "
    "rl_update_step, without latency",
    lookahead="reinforce",
    relaxation="categorical",
    edge="single-path",
    settings={
        **PROXYLESS.settings,
        "cadence": 16,  # 300 updates in an epoch of ImageNet's 4,800 batches
        "entropy_weight": 0.0,
        "reward_batch": "shared",
        "baseline_decay": 0.01,
        "baseline_step": "update",
        "baseline_begins": "reward",
    },
)
# Choices: the supernet is the space's own, where ENAS' has other cells, drop-path and an auxiliary head; the images are
# shared out as for the other methods (ENAS: 45,000 and 5,000).
ENAS = Composition(
    "an LSTM emits the cells that train the weights, and learns from their accuracies",
    "ENAS (Pham et al., ICML 2018), section 2.4; melodyguan/enas scripts/cifar10_micro_search.sh; AutoDL-Projects "
    "ENAS.py",
    rule="adam",
    lookahead="reinforce",
    relaxation="controller",
    edge="sparse",
    schedule="after-epochs",
    strategy="samples",
    settings={
        "epochs": 150,
        "batch": 160,
        "valid_batch": 160,
        "lr": 0.05,
        "lr_min": 0.0005,
        "lr_cycle": 10,
        "lr_again": "restarts",
        "nesterov": True,
        "weight_decay": 1e-4,
        "alpha_lr": 3.5e-3,
        "alpha_beta1": 0.0,
        "alpha_weight_decay": 0.0,
        "alpha_eps": 1e-3,
        "ranked": 10,
        "ranking_batches": 1,
        "ranking_batch": 160,
    },
    on={
        # AutoDL-Projects configs/nas-benchmark/algos/ENAS.config, scripts-search/NAS-Bench-201-algos/ENAS.sh
        "nasbench201": {
            "epochs": 250,
            "batch": 128,
            "valid_batch": 128,
            "lr_again": "rises",
            "weight_decay": 2.5e-4,
            "alpha_lr": 1e-3,
            "alpha_clip": 5.0,
            "ranked": 100,
            "ranking_batch": 128,
            "updates_per_epoch": 50,
            "samples_per_update": 20,
            "baseline_step": "epoch",
            "baseline_begins": "reward",
            "lstm_layers": 2,
            "lstm_hidden": 32,
            "logit_temperature": 5.0,
            "tanh_constant": 2.5,
            "tanh_reduction": 1.0,
            "convolution_bias": 0.0,
            "convolution_bonus": 0.0,
        }
    },
)

METHODS: Mapping[str, Composition] = {
    "proxyless": PROXYLESS,
    "proxyless-rl": PROXYLESS_RL,
    "enas": ENAS,
}
