"""Differences of any scalar function: losses that are no network, kinks, noise, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from manual import ACTIVATIONS, SLIDES, Working, forward
from verify.benchmarks.general import curves, measure
from verify.bounds.budget import budgets
from verify.bounds.comparison import Comparison, Verdict, compare
from verify.errors import BadInput
from verify.problems.samples import Shape, sample, seeded
from verify.witnesses.differences import Estimate, differences
from verify.witnesses.general import differences_of, noise_in
from verify.witnesses.noise import noise_table

U = 2.0**-53


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)), dtype=torch.float64)


def real(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def autograd(function: Callable[..., Tensor], tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    leaves = [v.detach().double().requires_grad_() for v in tensors]
    return torch.autograd.grad(function(*leaves), leaves)


def against(gradient: Tensor, found: Estimate, extra: float = 0.0) -> Comparison:
    """Autograd's own rounding, a few of the sizes at hand, is allowed on top of the bar."""
    budget = found.bar + extra + 64 * U * gradient.abs()
    return compare("dx", ("autograd", "differences"), *(v.numpy() for v in (gradient, found.value, budget)))


# Losses that are no network ----------------------------------------------------------------------------------------

X, LABELS = draw(12, 6), torch.arange(12) % 4


def hinge(W: Tensor, b: Tensor) -> Tensor:
    """The multi-class SVM loss of deck 004 "计算梯度", Δ = 1."""
    scores = X @ W + b
    right = scores.gather(1, LABELS[:, None])
    return (torch.clamp(scores - right + 1, min=0).sum() - len(X)) / len(X)


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return torch.mean((torch.softmax(q @ k.T / q.shape[1] ** 0.5, dim=1) @ v) ** 2)


def batch_norm(x: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
    x = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5)
    return torch.sum(torch.tanh(gamma * x + beta) ** 3)


LOSSES = {
    "hinge": (hinge, (draw(6, 4), draw(4))),
    "attention": (attention, (draw(5, 3), draw(6, 3), draw(6, 2))),
    "batch norm": (batch_norm, (draw(7, 3), draw(3), draw(3, seed=9))),
    "torch's batch norm": (
        lambda x, w, b: torch.mean(functional.batch_norm(x, None, None, w, b, training=True) ** 3),
        (draw(7, 3), draw(3), draw(3, seed=9)),
    ),
    "convolution": (
        lambda x, w: torch.mean(torch.relu(functional.conv2d(x, w)) ** 2),
        (draw(1, 2, 6, 6), draw(3, 2, 3, 3)),
    ),
    "largest of each row": (lambda x: x.amax(dim=1).sum(), (draw(9, 5),)),
    "sum of logarithms": (lambda x: torch.log(x).sum(), (torch.exp(5 * draw(20)),)),
    "a scale of 1e-8": (lambda x: torch.sin(1e8 * x).sum(), (1e-8 * draw(9),)),
    "a fast sine far out": (lambda x: torch.sin(x).sum(), (1e6 * draw(9),)),
    "a large constant": (lambda x: torch.sin(x).sum() + 1e6, (draw(9),)),
    "one number": (lambda x: x**3, (torch.tensor(1.7, dtype=torch.float64),)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_entry_is_within_its_bar_of_autograd(name):
    function, tensors = LOSSES[name]
    extra = 1e-9 if name == "a fast sine far out" else 1e-15  # x itself is rounded there, for autograd as well
    for found, gradient in zip(differences_of(function, *tensors), autograd(function, tensors), strict=True):
        result = against(gradient, found, extra)
        assert result.agrees, result
        assert found.value.shape == gradient.shape
        assert found.value.dtype == torch.float64
        assert not bool(found.undecided.any())


@pytest.mark.parametrize("name", ["hinge", "attention", "batch norm", "convolution", "sum of logarithms"])
def test_bars_are_narrow(name):
    function, tensors = LOSSES[name]
    for found, gradient in zip(differences_of(function, *tensors), autograd(function, tensors), strict=True):
        large = gradient.abs() > 1e-3 * gradient.abs().amax()
        assert float((found.bar / gradient.abs())[large].median()) < 1e-8, name


@pytest.mark.parametrize("relative", [1e-6, -1e-7])
@pytest.mark.parametrize("name", ["hinge", "attention", "batch norm", "torch's batch norm", "convolution"])
def test_one_wrong_entry_is_caught(name, relative):
    function, tensors = LOSSES[name]
    for found, gradient in zip(differences_of(function, *tensors), autograd(function, tensors), strict=True):
        at = int(torch.argmax(gradient.abs()))
        gradient.reshape(-1)[at] *= 1 + relative
        result = against(gradient, found, 1e-15)
        assert result.verdict is Verdict.DISAGREE
        assert result.wrong == 1
        assert result.index == tuple(int(i) for i in torch.unravel_index(torch.tensor(at), gradient.shape))


def test_a_forgotten_term_is_caught():
    """The gradient of batch norm as if mean and variance did not depend on x."""
    function, (x, gamma, beta) = LOSSES["batch norm"]
    leaf = x.clone().requires_grad_()
    frozen = (leaf - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + 1e-5)
    (wrong,) = torch.autograd.grad(torch.sum(torch.tanh(gamma * frozen + beta) ** 3), leaf)
    result = against(wrong, differences_of(function, x, gamma, beta)[0])
    assert result.verdict is Verdict.DISAGREE
    assert result.wrong > x.numel() // 2


# mpmath, 50 digits -------------------------------------------------------------------------------------------------


def mp_attention(q, k, v):
    total, (rows, width) = mpmath.mpf(0), (len(q), len(v[0]))
    for row in q:
        e = [mpmath.exp(sum(a * b for a, b in zip(row, key, strict=True)) / mpmath.sqrt(len(row))) for key in k]
        for c in range(width):
            total += (sum(w * u[c] for w, u in zip(e, v, strict=True)) / sum(e)) ** 2
    return total / (rows * width)


def mp_batch_norm(x, gamma, beta):
    total, n = mpmath.mpf(0), len(x)
    for c, (g, b) in enumerate(zip(gamma, beta, strict=True)):
        mean = sum(row[c] for row in x) / n
        deviation = mpmath.sqrt(sum((row[c] - mean) ** 2 for row in x) / n + mpmath.mpf(1e-5))
        total += sum(mpmath.tanh(g * (row[c] - mean) / deviation + b) ** 3 for row in x)
    return total


def mp_gradients(function: Callable, tensors: tuple[Tensor, ...]) -> list[Tensor]:
    lift = lambda v: [lift(u) for u in v] if isinstance(v, list) else mpmath.mpf(v)
    arguments, h = [lift(v.tolist()) for v in tensors], mpmath.mpf(10) ** -16

    def slope(row, i):
        kept, E = row[i], []
        for sign in (1, -1):
            row[i] = kept + sign * h
            E.append(function(*arguments))
        row[i] = kept
        return float((E[0] - E[1]) / (2 * h))

    rows = lambda v: v if isinstance(v[0], list) else [v]
    return [
        real(*(slope(row, i) for row in rows(v) for i in range(len(row)))).reshape(u.shape)
        for v, u in zip(arguments, tensors, strict=True)
    ]


@pytest.mark.parametrize(("name", "exact"), [("attention", mp_attention), ("batch norm", mp_batch_norm)])
def test_every_entry_is_within_its_bar_of_mpmath(name, exact):
    function, tensors = LOSSES[name]
    with mpmath.workdps(50):
        wanted = mp_gradients(exact, tensors)
    for found, value in zip(differences_of(function, *tensors), wanted, strict=True):
        assert bool(((found.value - value).abs() <= found.bar).all())


@given(st.lists(st.integers(-8, 8), min_size=1, max_size=6), st.floats(-30, 30), st.integers(-20, 20))
@example([0, 0, 1], 1.5e-40, 0)  # x is lost in x + h
@example([-2, 1], 2 - 2.0**-52, 0)  # x + h has one bit more than float64
def test_polynomials_with_the_exact_derivative(coefficients, x, scale):
    """p(x) with x and p scaled by a power of two: the derivative is known to the last digit."""
    p = lambda v: 2.0**scale * torch.stack([c * v**i for i, c in enumerate(coefficients)]).sum()
    (found,) = differences_of(p, real(x))
    with mpmath.workdps(50):
        terms = [mpmath.mpf(2) ** scale * i * c * mpmath.mpf(x) ** (i - 1) for i, c in enumerate(coefficients) if i]
        wanted = float(sum(terms))
    assert abs(found.value.item() - wanted) <= found.bar.item() + 1e-300
    assert not bool(found.undecided.any())


# Kinks -----------------------------------------------------------------------------------------------------------


def test_at_its_kink_any_subgradient_is_accepted_and_nothing_else():
    for function, low, high in ((torch.abs, -1.0, 1.0), (torch.relu, 0.0, 1.0)):
        (found,) = differences_of(lambda x, f=function: f(x).sum(), torch.zeros(3, dtype=torch.float64))
        for value in (low, (low + high) / 2, high):
            assert against(torch.full_like(found.value, value), found).verdict is not Verdict.DISAGREE
        for value in (low - 1e-6, high + 1e-6):
            assert against(torch.full_like(found.value, value), found).verdict is Verdict.DISAGREE


@given(st.floats(-12, 0), st.sampled_from([1, -1]), st.floats(0.01, 100), st.floats(-3, 3))
@example(-3.2, 1, 1.0, 0.5)
def test_a_kink_close_by_never_gives_a_wrong_bar(exponent, sign, jump, bend):
    """However far the kink is, the derivative at x is within the bar or the entry is undecided."""
    x, kink = 0.7, 0.7 + sign * 10.0**exponent
    function = lambda v: (jump * torch.relu(v - kink) + torch.sin(bend * v)).sum()
    (found,) = differences_of(function, real(x))
    (gradient,) = autograd(function, (real(x),))
    assert bool(found.undecided.any()) or against(gradient, found, 1e-15).verdict is not Verdict.DISAGREE


@pytest.mark.parametrize("distance", [1e-6, 1e-5, 1e-4, 3e-3])
def test_a_kink_within_the_first_step_is_stepped_inside_of(distance):
    (found,) = differences_of(lambda x: torch.abs(x).sum(), real(distance, -distance))
    assert bool((found.value - real(1.0, -1.0)).abs().le(1e-6).all())
    assert not bool(found.undecided.any())


def test_a_jump_is_undecided():
    (found,) = differences_of(lambda x: (torch.sign(x) + x).sum(), real(0.0, 2.0))
    assert found.undecided.tolist() == [True, False]
    assert found.bar[0] == torch.inf


def test_beyond_the_domain_is_undecided():
    """√x at 0 has a point of the difference outside its domain at every step, and no derivative."""
    (found,) = differences_of(lambda x: torch.sqrt(x).sum(), real(0.0, 4.0))
    assert found.undecided.tolist() == [True, False]
    assert abs(found.value[1] - 0.25) <= found.bar[1]


# Rounding ----------------------------------------------------------------------------------------------------------


def test_a_given_bound_on_rounding_is_used():
    function, x = (lambda v: torch.sin(v).sum()), draw(6)
    narrow, wide = (differences_of(function, x, rounding=r)[0] for r in (1e-15, 1e-9))
    assert bool((wide.bar > 100 * narrow.bar).all())
    assert bool(((narrow.value - torch.cos(x)).abs() <= narrow.bar).all())


@pytest.mark.parametrize("sigma", [1e-12, 1e-6, 1e-3])
def test_the_noise_table_finds_the_noise(sigma):
    t = torch.arange(9, dtype=torch.float64)
    estimates = []
    for seed in range(40):
        _, level = noise_table(3 + 1e-3 * sigma * t**2 + sigma * draw(9, seed=seed))
        estimates += [] if level is None else [level / sigma]
    assert len(estimates) > 30
    assert all(0.1 < v < 4 for v in estimates)


def test_a_trend_is_no_noise():
    assert noise_table(torch.exp(torch.linspace(0, 1, 9, dtype=torch.float64)))[1] is None


def test_float32_inside_the_function_widens_the_bars_and_they_hold():
    x = draw(10)
    function = lambda v: torch.tanh(v.float()).sum().double()
    assert noise_in(function, x)[0].bound > 1e-8
    assert not noise_in(function, x)[0].given
    (found,) = differences_of(function, x)
    assert bool(((found.value - (1 - torch.tanh(x) ** 2)).abs() <= found.bar).all())


# What goes in -------------------------------------------------------------------------------------------------------


def test_float32_inputs_are_differenced_in_float64():
    x = draw(8).float()
    (found,) = differences_of(lambda v: torch.sin(v).sum(), x)
    assert found.value.dtype == torch.float64
    assert bool(((found.value - torch.cos(x.double())).abs() <= found.bar).all())
    assert float(found.bar.max()) < 1e-8


def test_the_arguments_stay_as_they_are():
    x = draw(3, 4).requires_grad_()
    before, version = x.detach().clone(), x._version
    differences_of(lambda v: torch.sin(v).sum(), x)
    assert torch.equal(x.detach(), before)
    assert x._version == version
    assert x.grad is None
    assert x.requires_grad


@pytest.mark.parametrize("memory", [1, 10_000])
def test_chunks_of_any_size_give_the_same(memory):
    function, tensors = LOSSES["attention"]
    for whole, pieces in zip(differences_of(function, *tensors), differences_of(function, *tensors, memory=memory),
                             strict=True):  # fmt: skip
        assert bool((whole.value - pieces.value).abs().le(whole.bar + pieces.bar).all())


def test_where_vmap_cannot_a_loop_gives_the_same():
    function, (q, k, v) = LOSSES["attention"]

    def branching(*arguments: Tensor) -> Tensor:
        return function(*arguments) if arguments[0].sum().item() > -1e9 else arguments[0].sum()

    for loop, batched in zip(differences_of(branching, q, k, v), differences_of(function, q, k, v), strict=True):
        assert bool((loop.value - batched.value).abs().le(loop.bar + batched.bar).all())


def test_an_empty_tensor_has_no_derivatives():
    empty, other = differences_of(lambda x, y: x.sum() + (y**2).sum(), torch.empty(0, 3), draw(2))
    assert empty.value.shape == empty.bar.shape == empty.undecided.shape == (0, 3)
    assert other.value.shape == (2,)


def counting() -> Callable[[Tensor], Tensor]:
    calls: list[int] = []

    def function(x: Tensor) -> Tensor:
        calls.append(1)
        return x.sum() + len(calls)

    return function


def in_place(x: Tensor) -> Tensor:
    return x.mul_(2).sum()


SUM: Callable[[Tensor], Tensor] = lambda x: x.sum()
REFUSED = {
    "integers": (SUM, [torch.arange(3)], "argument 0 has dtype torch.int64"),
    "booleans": (SUM, [torch.ones(2, dtype=torch.bool)], "argument 0 has dtype torch.bool"),
    "complex numbers": (SUM, [torch.ones(2, dtype=torch.complex128)], "argument 0 has dtype torch.complex128"),
    "a Python number": (lambda x, y: x.sum() * y, [draw(2), 3], "argument 1 is 3, of type int"),
    "no tensors": (lambda: draw(1).sum(), [], "no tensor"),
    "NaN": (SUM, [real(1.0, float("nan"))], "argument 0 has entries that are not finite"),
    "a value with a shape": (lambda x: x * 2, [draw(3)], r"shape (3,): allowed is ()"),
    "a value that is a float": (lambda x: float(x.sum()), [draw(3)], "type float"),
    "a whole number as value": (lambda x: (x > 0).sum(), [draw(3)], "dtype torch.int64"),
    "a value that is not finite": (lambda x: torch.log(x).sum(), [real(-1.0)], "value is nan"),
    "arguments changed": (in_place, [draw(3)], "changes its arguments"),
    "memory between calls": (counting(), [draw(3)], "for the same arguments"),
    "random numbers": (lambda x: (x * torch.rand(3)).sum(), [draw(3)], "for the same arguments"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    function, arguments, message = REFUSED[name]
    with pytest.raises(BadInput) as caught:
        differences_of(function, *arguments)
    assert message in str(caught.value)
    assert "allowed" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rounding", [-1.0, float("nan"), float("inf")])
def test_a_bound_that_is_none_is_refused(rounding):
    with pytest.raises(BadInput, match="rounding"):
        differences_of(SUM, draw(3), rounding=rounding)


def test_tensors_choose_the_device(device):
    x = draw(5).to(device)
    (found,) = differences_of(lambda v: torch.sin(v).sum(), x)
    assert found.value.device.type == device.type
    assert bool(((found.value - torch.cos(x)).abs() <= found.bar).all())


# The structured engine, by one that knows nothing of networks --------------------------------------------------------


@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy", "squared-error"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_structured_differences_are_those_of_the_whole_loss(activation, loss):
    """Entry by entry, E itself, penalty and all, forward only: every weight and bias within the sum of both bars."""
    output: str = {"cross-entropy": "softmax", "binary-cross-entropy": "sigmoid"}.get(loss) or activation
    shape = Shape("", (3, 4, 3, 2), 3)
    p = sample(seeded(5), shape, activation=activation, output=output, loss=loss, lam=0.1)

    def E(*parameters: Tensor) -> Tensor:
        net = Working(dict(enumerate(parameters[:3], 1)), dict(enumerate(parameters[3:], 1)), p.x, p.t, p.f, p.pair,
                      p.lam, SLIDES)  # fmt: skip
        return forward(net).E

    structured, point = differences(p), budgets(p)
    names = [f"{kind}{l}" for kind in ("dW", "db") for l in (1, 2, 3)]
    for name, found in zip(names, differences_of(E, *p.W, *p.b), strict=True):
        bar = structured[name].bar + point[name] + found.bar
        assert bool(((structured[name].value - found.value).abs() <= bar).all()), name
        assert not bool(found.undecided.any())


@pytest.mark.parametrize(
    "name",
    ["gelu near −7", "−ln of 1/(1+e⁻ˣ) near 15.5", "(3x−1)² near 0.332", "cross-entropy at (30, 0)", "x sin(1/x)"],
)
def test_noise_is_never_taken_for_zero(name):
    """Staircases, residuals near 0 and fast waves, against 50 digits."""
    found = measure(next(c for c in curves() if c.name == name), seed=3, points=12)
    assert found.beyond == 0, found
    assert found.undecided <= 1
