"""What all tests share: how Hypothesis draws, how many threads torch takes, on which devices the tests run."""

import os
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

# xdist's workers share the cores: one thread each, and results that do not depend on how many there are.
torch.set_num_threads(1)

# No deadline: a shared machine stalls now and then. A failure prints the blob that reproduces it.
settings.register_profile(
    "dev",
    max_examples=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
# Under CI the draws are the same each time, so that what lands is what was seen; on a desk each run looks elsewhere.
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True)
settings.register_profile("thorough", settings.get_profile("dev"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session", autouse=True)
def _own_keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Answer keys that tests make are theirs alone, and are gone with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BACKPROOF_CACHE", str(tmp_path_factory.mktemp("kept")))
        yield


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """Each device that a test should run on; the CUDA part is skipped, and says so, where there is no GPU."""
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} finds no CUDA device on this machine")
    return torch.device(request.param)
