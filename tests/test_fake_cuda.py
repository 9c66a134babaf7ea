"""CUDA without a GPU: fake tensors, on which mixing devices raises, and a look at every factory call."""

from __future__ import annotations

import ast
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from manual import ACTIVATIONS, PAIRS, Constants, activation, pair, step, work
from torch_ref.network import Network
from verify.bounds.budget import lines_of
from verify.problems.problem import Problem
from verify.witnesses import stencils
from verify.witnesses.columns import above, base_of, errors, pairs, penalty, per_weight
from verify.witnesses.differences import _noise, _steps, _truncation
from verify.witnesses.growth import growth

ROOT = Path(__file__).resolve().parent.parent
CUDA = torch.device("cuda")


def problem(name: str, output: str, loss: str) -> Problem:
    """A fake problem on CUDA: its tensors have shape, dtype and device, and no values."""
    real = lambda *shape: torch.empty(*shape, dtype=torch.float64, device=CUDA)
    W, b = (real(5, 4), real(4, 4), real(4, 3)), (real(4), real(4), real(3))
    return Problem(W, b, real(6, 5), real(6, 3), name, output, loss, 0.1)


# Every pair of output and loss, and every activation with several of them: neither knows of the other.
CASES = [([*ACTIVATIONS][i % len(ACTIVATIONS)], *p) for i, p in enumerate(PAIRS)]
every_case = pytest.mark.parametrize(("name", "output", "loss"), CASES)


def test_every_activation_and_every_pair_is_a_case() -> None:
    assert {name for name, *_ in CASES} == {*ACTIVATIONS}
    assert {(output, loss) for _, output, loss in CASES} == {*PAIRS}


@every_case
def test_the_network_by_hand_stays_on_its_device(name: str, output: str, loss: str) -> None:
    with FakeTensorMode():
        p = problem(name, output, loss)
        net = work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam)
        W, b = step(p.W, p.b, [net.dW[l] for l in (1, 2, 3)], [net.db[l] for l in (1, 2, 3)], 0.1)
    assert {line.device.type for line in [*lines_of(net).values(), *W, *b]} == {"cuda"}


@every_case
def test_the_forward_pass_of_the_reference_stays_on_its_device(name: str, output: str, loss: str) -> None:
    with FakeTensorMode():
        p = problem(name, output, loss)
        net = Network(p.W, p.b, name, output, loss, asdict(Constants()))
        a, z = net.scores(p.x)
        E = net.total_error(a[3], p.t, p.lam)
        found = [*a.values(), *z.values(), net.sigma(a[3]), E]
    assert {line.device.type for line in found} == {"cuda"}


@every_case
def test_the_tensor_part_of_the_differences_stays_on_its_device(name: str, output: str, loss: str) -> None:
    """All but masks and loops that depend on values, which fake tensors do not have."""
    with FakeTensorMode():
        p = problem(name, output, loss)
        base = base_of(p)
        found = penalty(p.W, p.lam)
        for l in (1, 3):  # through a hidden layer and the output, and the output alone
            n, j = pairs(base, l)
            up, noise = growth(base, l), _noise(base, l)
            C = _truncation(base, l, up)
            step, hopeless = (v[n, j] for v in _steps(base, l, up, C, noise))
            points = torch.tensor(stencils.POINTS, dtype=torch.float64, device=CUDA).unsqueeze(1) * step
            f = lambda a, l: p.f.f(a)
            E = errors(base, n, above(base, l, n, j, base.a[l][n, j] + points, f)[-1], p.pair.y, p.pair.error)
            value, bar = stencils.central_of(E, step, noise[n])
            found += [stencils.central(E, step, noise[n])[1], C]
            sided = stencils.one_sided(torch.cat([E[:1], E[:3]]), step, 0.0)
            found += [hopeless, bar, *stencils.between(sided, sided)]
            found += per_weight(base, l, value.reshape(base.a[l].shape))
    assert {line.device.type for line in found} == {"cuda"}


def test_a_tensor_on_the_wrong_device_would_be_seen() -> None:
    """A factory call without device= makes a CPU tensor: with one dimension or more it cannot be mixed."""
    with FakeTensorMode():
        p = problem("relu", "softmax", "cross-entropy")
        stray = lambda a: torch.where(a > 0, a, torch.zeros(a.shape, dtype=a.dtype))
        f = activation("relu")
        wrong = type(f)("stray", stray, f.derivative)
        with pytest.raises(RuntimeError, match="device"):
            work(p.W, p.b, p.x, p.t, wrong, pair("softmax", "cross-entropy"), 0.0)


# Factory calls -------------------------------------------------------------------------------------------------------

FACTORIES = {
    "tensor", "as_tensor", "zeros", "ones", "empty", "full", "arange", "linspace", "logspace", "eye", "rand", "randn",
    "randint", "randperm", "tril_indices", "triu_indices", "scalar_tensor", "complex_tensor", "normal", "from_numpy",
}  # fmt: skip
# What makes a tensor out of one, or of numpy's memory, has no device to take.
WITHOUT = {"from_numpy"}
NUMPY_ONLY = {"isolation", "reports", "benchmarks"}  # no tensors there, or the peers' own
SOURCES = [
    *sorted((ROOT / "manual").rglob("*.py")),
    *sorted((ROOT / "torch_ref").rglob("*.py")),
    *sorted(p for p in (ROOT / "verify").rglob("*.py") if not NUMPY_ONLY & set(p.relative_to(ROOT).parts)),
]


def without_device(source: str) -> list[str]:
    """The factory calls of torch in a program that do not say on which device."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return [f"line {call.lineno}: {ast.unparse(call)}" for call in calls if _is_factory(call) and not _has_device(call)]


def _is_factory(call: ast.Call) -> bool:
    f = call.func
    on_torch = isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name) and f.value.id == "torch"
    return on_torch and f.attr in FACTORIES - WITHOUT  # type: ignore[union-attr]


def _has_device(call: ast.Call) -> bool:
    return any(keyword.arg in ("device", None) for keyword in call.keywords)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_factory_call_says_on_which_device(path: Path) -> None:
    assert without_device(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("call", ["torch.zeros(3)", "torch.tensor([1.0], dtype=a.dtype)", "f(torch.arange(N))"])
def test_a_call_without_a_device_is_seen(call: str) -> None:
    assert without_device(f"x = {call}") != []
    assert without_device(f"x = {call[: call.index(')')]}, device=a.device{call[call.index(')') :]}") == []
