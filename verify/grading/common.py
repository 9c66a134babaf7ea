"""What every assignment says, whatever its lesson: how programs run, and what the course around it needs."""

from __future__ import annotations

import msgspec

from verify.grading.checks import SECRET
from verify.grading.course import Adapter, Late, Offered, Show


class Common(msgspec.Struct, frozen=True, kw_only=True):
    """What the assignments of all lessons share."""

    backend: str = "numpy"
    precision: str = "float64"
    seed: int | str = SECRET
    functions: tuple[str, ...] = ()
    time_limit: float = 10.0
    cpu_limit: float = 0.0
    memory_mib: int = 1024
    program: str = ""
    packages: tuple[str, ...] = ()
    adapter: Adapter = Adapter()
    files: Offered = Offered()
    name: str = ""
    due: str = ""
    late: Late = Late()
    show: Show = Show()

    @property
    def offer(self) -> str:
        """The backend, and behind + the packages that are offered besides, as the sandbox takes them."""
        return "+".join((self.backend, *self.packages))

    @property
    def practice_seed(self) -> int:
        """The seed of problems that anybody may see: the assignment's, or 0 where the class's own is secret."""
        return self.seed if isinstance(self.seed, int) else 0
