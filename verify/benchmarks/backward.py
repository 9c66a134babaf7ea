"""check_backward: planted errors beside torch's gradcheck, budgets on random programs, and time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from verify.backward.expected import ByReference
from verify.backward.precision import Precision
from verify.backward.subject import Case
from verify.benchmarks.kernels import kernels
from verify.benchmarks.planted import Planted, planted, single
from verify.benchmarks.sound import sound
from verify.benchmarks.tables import Goal, Settings, Table, at_most, none_of
from verify.commands.checking import check_backward


def gradcheck_sees(p: Planted) -> bool:
    """Whether torch's gradcheck, at its defaults and in float64, does not let the function pass."""
    inputs = [v.double().requires_grad_() if isinstance(v, Tensor) and v.is_floating_point() else v for v in p.inputs]
    try:
        return not torch.autograd.gradcheck(p.function, inputs, raise_exception=False)
    except Exception:
        return True


def planted_table(settings: Settings) -> Table:
    """Who sees which planted error, gradcheck or check_backward."""
    rows, ours, theirs = [], 0, 0
    for p in single():
        wide = tuple(v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for v in p.inputs)
        one, two = check_backward(p.function, wide, p.reference).verdict == "wrong", gradcheck_sees(p)
        ours, theirs = ours + one, theirs + two
        rows.append((p.name, "seen" if one else "missed", "seen" if two else "missed"))
    every = planted()[:: 8 if settings.quick else 1]
    missed = [p.name for p in every if _missed(p)]
    return Table(
        "planted", "Planted errors in float64: check_backward and gradcheck",
        ("error", "check_backward", "gradcheck"), rows,
        notes=[f"gradcheck sees {theirs} of {len(rows)}, check_backward {ours}.", *missed],
        record={"errors": len(rows), "check_backward": ours, "gradcheck": theirs, "missed": missed},
        goals=[none_of(f"planted errors of all dtypes that were missed, of {len(every)}", len(missed))],
    )  # fmt: skip


def _missed(p: Planted) -> bool:
    return check_backward(p.function, p.inputs, p.reference, shapes=p.shapes, probes=p.probes).verdict != "wrong"


def sound_table(settings: Settings) -> Table:
    """Right backward passes under all probes."""
    every = sound()[:: 10 if settings.quick else 1]
    verdicts: dict[str, list[str]] = {}
    for s in every:
        verdict = check_backward(s.function, s.inputs, s.reference, accumulate=s.accumulate).verdict
        verdicts.setdefault(verdict, []).append(s.name)
    rows = [
        (verdict, str(len(names)), "" if verdict == "right" else ", ".join(names))
        for verdict, names in verdicts.items()
    ]
    count = len(verdicts.get("wrong", [])) + len(verdicts.get("inconclusive", []))
    return Table(
        "sound", "Right backward passes under all probes", ("verdict", "functions", "which"), rows, record=verdicts,
        goals=[none_of(f"right backward passes called wrong or inconclusive, of {len(every)}", count)],
    )  # fmt: skip


def kernels_table(settings: Settings) -> Table:
    """Kernels written for the check: right and with one fault, in four dtypes, all probes but other sizes."""
    every = list(kernels())[:: 8 if settings.quick else 1]
    rows, odd = [], 0
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        missed, alarms = [], []
        for k in every:
            inputs, options = k.at(dtype), {"declared": k.declared, "shapes": False}
            if check_backward(k.faulty(), inputs, k.reference, **options).verdict != "wrong":
                missed.append(k.name)
            if check_backward(k.right(), inputs, k.reference, **options).verdict not in ("right", k.known):
                alarms.append(k.name)
        odd += len(missed) + len(alarms)
        rows.append((str(dtype).removeprefix("torch."), str(len(every)), "; ".join(missed), "; ".join(alarms)))
    return Table(
        "kernels", "Kernels, right and with one fault",
        ("dtype", "kernels", "fault not seen", "right, otherwise called"),
        rows, goals=[none_of(f"kernels misjudged, of {2 * len(every) * len(rows)}", odd)],
    )  # fmt: skip


# Budgets on random programs ------------------------------------------------------------------------------------------

_STEPS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda x, w: x @ w, lambda x, w: x + w[0], lambda x, w: x * w[1], lambda x, w: torch.tanh(x),
    lambda x, w: torch.sigmoid(x), lambda x, w: torch.relu(x), lambda x, w: torch.softmax(x, -1),
    lambda x, w: torch.nn.functional.layer_norm(x, x.shape[-1:]), lambda x, w: torch.nn.functional.gelu(x),
    lambda x, w: x - x.mean(-1, keepdim=True), lambda x, w: x / (1 + x * x), lambda x, w: torch.log1p(x * x),
    lambda x, w: torch.logsumexp(x, -1, keepdim=True) - x, lambda x, w: x.cumsum(-1), lambda x, w: torch.exp(-x * x),
    lambda x, w: x.flip(0) + x, lambda x, w: torch.sqrt(1 + x * x), lambda x, w: x.clamp(-1, 1),
)  # fmt: skip


def chain(
    operations: Sequence[Callable[[Tensor, Tensor], Tensor]], draw: Generator, steps: int
) -> Callable[[Tensor, Tensor], Tensor]:
    """So many of the operations, drawn at random, one after the other."""
    chosen = [operations[int(torch.randint(len(operations), (), generator=draw))] for _ in range(steps)]

    def run(x: Tensor, w: Tensor) -> Tensor:
        for step in chosen:
            x = step(x, w)
        return x

    return run


def program(draw: Generator, steps: int) -> Callable[[Tensor, Tensor], Tensor]:
    """A chain of real operations."""
    return chain(_STEPS, draw, steps)


@dataclass
class Broken:
    """Entries of values and gradients, and those beyond the worst case."""

    entries: int = 0
    beyond: int = 0
    deviations: float = 0.0  # the largest error in standard deviations


def violations(dtype: torch.dtype, programs: int, seed: int, size: int = 32) -> Broken:
    """Random programs run in a dtype, against float64 and their own budgets."""
    found = Broken()
    for n in range(programs):
        draw = torch.Generator().manual_seed(seed + n)
        run = program(draw, 2 + n % 5)
        x, w = (torch.randn(s, generator=draw).to(dtype) for s in ((size, size), (size, size)))
        g = torch.randn(size, size, generator=draw).to(dtype)
        _compare(found, run, (x, w / size**0.5), g)
    return found


def _compare(found: Broken, run: Callable[..., Tensor], inputs: tuple[Tensor, Tensor], g: Tensor) -> None:
    leaves = [v.clone().requires_grad_() for v in inputs]
    out = run(*leaves)
    grads = torch.autograd.grad(out, leaves, g, allow_unused=True)
    traced = ByReference(run).at(Case(inputs, (0, 1)), Precision.of(inputs[0].dtype))
    budgets = traced.gradients([g], [0, 1])
    pairs: list[tuple[Tensor | None, Any]] = [(out, traced.outputs[0]), *((grads[k], budgets[k]) for k in (0, 1))]
    for value, budget in pairs:
        if value is None:
            continue
        error = (value.detach().double() - budget.value).abs()
        found.entries += error.numel()
        found.beyond += int((error > budget.proof).sum())
        spread = torch.where(budget.sigma > 0, error / budget.sigma, 0.0)
        found.deviations = max(found.deviations, float(torch.nan_to_num(spread).max()))


def violations_table(settings: Settings) -> Table:
    """Budgets of 200 random programs a dtype."""
    rows, entries, beyond = [], 0, 0
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        b = violations(dtype, 20 if settings.quick else 200, settings.seed)
        entries, beyond = entries + b.entries, beyond + b.beyond
        rows.append((str(dtype).removeprefix("torch."), f"{b.entries:,}", str(b.beyond), f"{b.deviations:.1f}"))
    return Table(
        "programs", "Budgets of random programs against float64",
        ("dtype", "entries", "beyond the worst case", "largest error in σ"), rows,
        goals=[none_of(f"entries of random programs beyond their budget, of {entries:,}", beyond)],
    )  # fmt: skip


# Time ----------------------------------------------------------------------------------------------------------------


def _network(W1: Tensor, b1: Tensor, W2: Tensor, b2: Tensor, x: Tensor, t: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(torch.tanh(x @ W1 + b1) @ W2 + b2, t)


def network_inputs(dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], Tensor, Tensor]:
    """784-28-10, a batch of 32."""
    draw = torch.Generator().manual_seed(0)
    shapes = ((784, 28), (28,), (28, 10), (10,))
    weights = [torch.randn(s, generator=draw, dtype=dtype) / s[0] ** 0.5 for s in shapes]
    return weights, torch.rand(32, 784, generator=draw, dtype=dtype), torch.arange(32) % 10


def million(rows: int = 1024) -> dict[str, float]:
    """Seconds of a check of a layer norm of rows × 1,024 entries, and of an attention whose q, k and v have about as
    many each (128 places of 64 numbers), in float32, with all probes.
    """
    draw = torch.Generator().manual_seed(0)
    large = [torch.randn(s, generator=draw) for s in ((rows, 1024), (1024,), (1024,))]
    norm = lambda x, w, b: torch.nn.functional.layer_norm(x, x.shape[-1:], w, b)
    heads = [torch.randn(max(rows // 8, 1), 128, 64, generator=draw) for _ in range(3)]
    attention = torch.nn.functional.scaled_dot_product_attention
    return {
        "layer norm": _seconds(lambda: check_backward(norm, large, norm)),
        "attention": _seconds(lambda: check_backward(attention, heads, attention)),
    }


def timing_table(settings: Settings) -> Table:
    """check_backward beside slow gradcheck, and layers of a million entries."""
    weights, x, t = network_inputs()
    f = lambda W1, b1, W2, b2: _network(W1, b1, W2, b2, x, t)
    slow = _seconds(lambda: torch.autograd.gradcheck(f, [v.clone().requires_grad_() for v in weights]))
    every = _seconds(lambda: check_backward(f, weights, f))
    alone = _seconds(lambda: check_backward(f, weights, f, shapes=False, probes=("upstream random",)))
    n = 64 if settings.quick else 1024
    layers = million(n)
    rows = [
        ("784-28-10, slow gradcheck", f"{slow:.2f} s"), ("784-28-10, all probes", f"{every:.2f} s"),
        ("784-28-10, only the gradient", f"{alone:.3f} s"),
        *((f"{name} of {n * 1024:,} entries, all probes", f"{took:.2f} s") for name, took in layers.items()),
    ]  # fmt: skip
    ratio = slow / alone
    return Table(
        "backward-time", "Time of a check", ("what", "time"), rows,
        record={"gradcheck": slow, "all": every, "gradient": alone, "million": layers},
        goals=[
            at_most("784-28-10, all probes, over slow gradcheck", 0.5, every / slow),
            Goal("784-28-10, only the gradient: times faster than slow gradcheck", "≥ 20", f"{ratio:.0f}", ratio >= 20),
            *(at_most(f"{name} of a million entries, all probes, s", 10, took) for name, took in layers.items()),
        ],
    )  # fmt: skip


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
