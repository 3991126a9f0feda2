"""The search spaces by name. Importing this package needs no torch; a space builds its networks on demand."""

from harness.core import notebook
from harness.core.registry import Registry
from spaces.darts.bench import BENCH_SUITE
from spaces.darts.members import DARTS, DARTS_NONE, S1, S2, S3, S4
from spaces.mobile.members import MOBILE, MOBILE_FBNET
from spaces.nasbench201.space import NASBENCH201, NASBENCH201_TABLE
from spaces.space import Space
from spaces.tabular.members import NATS_SSS_TABLE, imported_spaces

SPACES: Registry[Space] = Registry(
    "spaces",
    "space",
    {
        space.name: space
        for space in (
            *(DARTS, DARTS_NONE, S1, S2, S3, S4, *BENCH_SUITE),
            *(NASBENCH201, NASBENCH201_TABLE, MOBILE, MOBILE_FBNET, NATS_SSS_TABLE),
        )
    },
    interface="spaces.space:Space",
    found=imported_spaces,
)

notebook.drawn_by("spaces.drawing:svg")

__all__ = ["SPACES", "Space"]
