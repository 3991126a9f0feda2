"""What a file that holds strings says of its network, each as JSON."""

from __future__ import annotations

import json

from harness import __version__
from harness.evaluation.model import Model


def facts(model: Model) -> dict[str, str]:
    """name -> JSON."""
    statistics, evaluation = model.normalisation, model.evaluation
    values = {
        "genotype": model.genotype.to_json(),
        "size": model.size,
        "stem": model.stem,
        "class_names": model.class_names,
        "image_size": model.image_size,
        "normalisation": statistics and statistics._asdict(),
        "trained": evaluation is not None,
        "evaluation": evaluation,
        "made_with": model.made_with,
        "exported_by": f"zarts-harness {__version__}",
    }
    return {name: json.dumps(value) for name, value in values.items()}
