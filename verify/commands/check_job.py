"""What `check` asks for: a file, the function in it that returns check_backward's arguments, and a baseline."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from verify.commands.command_line import write_text
from verify.errors import BadInput

if TYPE_CHECKING:
    from verify.reports.backward import Report

BASELINE = "backproof.check-baseline/1"
_POSITIONAL = ("function", "inputs", "reference")
_STEP = 0.05  # a share of the entries that a power may move by, from machine to machine


@dataclass(frozen=True)
class Target:
    """FILE.py:NAME."""

    path: Path
    name: str

    @classmethod
    def of(cls, text: str) -> Target:
        """Raises BadInput where the text is none, or there is no such file."""
        path, colon, name = text.rpartition(":")
        if not colon or not name.isidentifier() or not path:
            raise BadInput(f"{text}: allowed is FILE.py:NAME, where NAME() returns check_backward's arguments")
        if not Path(path).is_file():
            raise BadInput(f"{path}: there is no such file")
        return cls(Path(path), name)

    def arguments(self) -> dict[str, Any]:
        """What NAME() returns, as keyword arguments. Raises BadInput."""
        maker = self._maker()
        try:
            found: Any = maker()
        except Exception as error:
            raise BadInput(f"{self.path}: {self.name}() raised {type(error).__name__}: {error}") from error
        if isinstance(found, (tuple, list)):
            if not 2 <= len(found) <= len(_POSITIONAL):
                raise BadInput(
                    f"{self.path}: {self.name}() returns {len(found)} values: allowed are function, inputs, reference"
                )
            found = dict(zip(_POSITIONAL, found, strict=False))
        if not isinstance(found, dict):
            raise BadInput(
                f"{self.path}: {self.name}() returns {type(found).__name__}: allowed are a tuple (function, inputs, "
                "reference) and a dict of check_backward's arguments"
            )
        return self._known(found)

    def _known(self, found: dict[str, Any]) -> dict[str, Any]:
        from verify.commands.checking import check_backward

        allowed = list(inspect.signature(check_backward).parameters)
        for key in found:
            if key not in allowed:
                raise BadInput(f"{self.path}: {self.name}() has {key!r}: allowed are {', '.join(allowed)}")
        for key in ("function", "inputs"):
            if key not in found:
                raise BadInput(f"{self.path}: {self.name}() has no {key!r}")
        return found

    def _maker(self) -> Callable[[], Any]:
        spec = spec_from_file_location(self.path.stem, self.path)
        if spec is None or spec.loader is None:
            raise BadInput(f"{self.path}: is no Python file")
        module = module_from_spec(spec)
        sys.path.insert(0, str(self.path.resolve().parent))
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise BadInput(f"{self.path}: cannot be imported: {type(error).__name__}: {error}") from error
        finally:
            sys.path.pop(0)
        found = getattr(module, self.name, None)
        if not callable(found):
            names = [n for n, v in vars(module).items() if inspect.isfunction(v) and not n.startswith("_")]
            raise BadInput(f"{self.path}: has no function {self.name}: it has {', '.join(names) or 'none'}")
        return found


# Baseline ------------------------------------------------------------------------------------------------------------


def summary(report: Report) -> dict[str, Any]:
    """What a baseline keeps: the verdict, and what would have been seen."""
    power = {name: power.seen for name, power in report.power.items()}
    return {"schema": BASELINE, "function": report.record.function, "verdict": report.verdict, "power": power}


def changes(path: Path, report: Report) -> list[str]:
    """What differs from the baseline; the file is written where there is none. Raises BadInput for another file."""
    new = summary(report)
    if not path.exists():
        write_text("--baseline", path, json.dumps(new, indent=1, ensure_ascii=False) + "\n")
        return []
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"--baseline {path}: cannot be read ({error})") from error
    if not isinstance(old, dict) or old.get("schema") != BASELINE or not {"verdict", "power"} <= old.keys():
        raise BadInput(f"--baseline {path}: is no baseline; allowed is one that this command wrote")
    return list(_compared(old, new))


def _compared(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    found = []
    if old["verdict"] != new["verdict"]:
        found.append(f"the verdict was {old['verdict']} and is {new['verdict']}")
    for name in dict.fromkeys([*old["power"], *new["power"]]):
        before, after = old["power"].get(name, {}), new["power"].get(name, {})
        for mistake in dict.fromkeys([*before, *after]):
            one, two = before.get(mistake), after.get(mistake)
            if one is None or two is None or abs(one - two) > _STEP:
                found.append(f"{name}: {mistake} was seen in {_share(one)} of the entries and is in {_share(two)}")
    return found


def _share(value: float | None) -> str:
    return "none" if value is None else f"{value:.0%}"
