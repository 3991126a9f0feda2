"""What every test gets: one thread for each worker, and the real data where they are."""

import os
from pathlib import Path

import pytest

# The workers of pytest-xdist share the cores, and the number of threads decides the last bit of a sum. torch and numpy
# read this when they load, and the commands that tests start inherit it.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def empty_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test depends on what its user has imported, nor touches it."""
    os.environ["HARNESS_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data (CIFAR-10, NAS-Bench-201) beside the checkout; where there are none, the test is skipped."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} does not exist")
    return folder
