"""The content of result.json: what a search found and cost, every figure with how it was got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from methods.search import Search
from methods.state import State
from spaces.counting import count

FINAL_IMAGE_SIZE = 32
"""Side of the images that MACs are counted on."""


def describe_result(search: Search, state: State, spec: Mapping[str, Any], classes: int) -> dict[str, Any]:
    """The result of a finished search on data of so many classes."""
    found, final = search.result(state), search.space.final
    network = search.space.network(found.genotype, final.channels, final.cells, classes)
    counted = count(network, FINAL_IMAGE_SIZE)
    last = found.records[-1]
    return {
        **{key: spec[key] for key in ("method", "space", "dataset", "seed", "protocol")},
        "classes": classes,
        "genotype": found.genotype.to_json(),
        "notation": str(found.genotype),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "valid_loss": last["valid_loss"],
        "valid_accuracy": last["valid_accuracy"],
        "operations": last["operations"],
        "cost": found.cost.to_json(),
        "stopped_by": found.stopped_by,
        "images": {"weights": len(search.train_batches.part), "alpha": len(search.valid)},
        "alpha": list(found.alpha),
        "how": {
            "genotype": "derived from the alpha of the last epoch; no selection over epochs",
            "parameters": f"final network, {final.cells} cells"
            f"{' per stage' if found.genotype.family == 'nasbench201' else ''}, {final.channels} channels, "
            f"{classes} classes, CIFAR stem, without auxiliary head",
            "macs": f"convolutions and linear layers of that network on one image of side {FINAL_IMAGE_SIZE}",
            "valid_loss": "supernet on alpha's part of the training set, last epoch, eval mode, no augmentation",
            "valid_accuracy": "as valid_loss; it is the supernet's, not the cell's",
            "cost": "seconds: wall time of search steps, without validation, checkpoints and loading; a pass is one "
            f"batch; peak_memory: {found.cost.memory_kind}, bytes",
        },
    }
