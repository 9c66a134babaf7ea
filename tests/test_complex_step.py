"""The complex step: its functions and whole networks against mpmath, networks against autograd, planted errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import mpmath
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from manual import ACTIVATIONS, SLIDES, Constants, work
from verify.bounds.budget import budgets, lines_of
from verify.bounds.comparison import Verdict, compare
from verify.bounds.curves import curve
from verify.errors import BadInput
from verify.problems.problem import Problem
from verify.witnesses import complex_step as cs
from verify.witnesses.against import autograd_witness, complex_step_witness, manual_witness, set_against
from verify.witnesses.complex_step import ALLOWED, STEP, complex_step, unavailable
from verify.witnesses.differences import differences

U = 2.0**-53
BETA = 1.75
REAL = [0.0, 5e-324, 1e-300, 1e-9, 0.1, 0.5, 1.0, 3.0, 8.0, 20.0, 40.0, 99.0, 101.0, 350.0, 720.0, 1e4, 1e160]
IMAGINARY = [STEP, 1e-20, 1e-3, 0.4, -0.7]

MP_FUNCTIONS: dict[str, Callable] = {
    "sigmoid": lambda z: mp_sigmoid(z),
    "tanh": mpmath.tanh,
    "softplus": lambda z: mp_softplus(z),
    "swish": lambda z: z * mp_sigmoid(BETA * z),
    "gelu_tanh": lambda z: z * mp_sigmoid(2 * mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf(0.044715) * z**3)),
    "gelu_sigmoid": lambda z: z * mp_sigmoid(mpmath.mpf(1.702) * z),
    "identity": lambda z: z,
    "silu": lambda z: z * mp_sigmoid(z),
    "log_sigmoid": lambda z: -mp_softplus(-z),
    "mish": lambda z: z * mpmath.tanh(mp_softplus(z)),
}


def mp_sigmoid(z):
    if mpmath.re(z) < -1e6:
        return mpmath.mpf(0)
    return 1 / (1 + mpmath.exp(-z))


def mp_softplus(z):
    return z if mpmath.re(z) > 1e6 else mpmath.log1p(mpmath.exp(z)) if mpmath.re(z) > -1e6 else mpmath.mpf(0)


def torch_function(name: str) -> Callable[[Tensor], Tensor]:
    return cs._FUNCTIONS[name](Constants(swish=BETA))


def real(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def problem_of(layers, N=3, seed=0, scale=1.0, **rest) -> Problem:
    g = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=g, dtype=torch.float64)
    W = tuple(scale * draw(i, o) / i**0.5 for i, o in pairwise(layers))
    b = tuple(0.3 * draw(o) for o in layers[1:])
    t = torch.nn.functional.one_hot(torch.randint(0, layers[-1], (N,), generator=g), layers[-1]).double()
    return replace(Problem(W, b, draw(N, layers[0]), t, "tanh"), **rest)


PAIRS_OF = {
    "softmax": ("softmax", "cross-entropy"),
    "sigmoid": ("sigmoid", "binary-cross-entropy"),
    "square": (None, "squared-error"),
}


def with_pair(problem: Problem, kind: str) -> Problem:
    output, loss = PAIRS_OF[kind]
    return replace(problem, output=output or problem.activation, loss=loss)


# The functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALLOWED)
def test_complex_functions_against_mpmath(name):
    """Real and imaginary part are within 32 roundings of the terms of f and f′, at any real part, without overflow."""
    c = curve(name, Constants(swish=BETA))
    with mpmath.workdps(60):
        for x in [sign * x for x in REAL for sign in (1, -1)]:
            for y in IMAGINARY:
                if name == "gelu_tanh" and 0.1 < abs(x) < 1e150 and abs(y) > 0.1:
                    continue  # u's imaginary part leaves the strip in which the form is meant to be used
                got = torch_function(name)(torch.complex(real(x), real(y)))[0]
                wanted = MP_FUNCTIONS[name](mpmath.mpc(x, y))
                terms = float(c.terms(real(x))) + abs(y)
                assert abs(got.real.item() - wanted.real) <= 32 * U * terms + 1e-300, (x, y)
                slack = 32 * U * abs(y) * float(c.derivative_terms(real(x))) + 1e-300
                assert abs(got.imag.item() - wanted.imag) <= slack, (x, y)


@pytest.mark.parametrize("scores", [[0.3, -1.2, 2.0], [1e4, -1e4, 0.0], [-745.0, 12.0, 1e4], [0.0, 0.0, 0.0]])
def test_complex_losses_against_mpmath(scores):
    z = torch.complex(real(*scores), real(1e-20, 3e-21, -2e-20)).unsqueeze(0)
    t = real(0.0, 0.25, 0.75).unsqueeze(0)
    with mpmath.workdps(60 + 4400 * (max(map(abs, scores)) > 700)):
        a = [mpmath.mpc(v.real.item(), v.imag.item()) for v in z[0]]
        total = mpmath.log(sum(mpmath.exp(v) for v in a))
        entropy = sum(mpmath.mpf(w.item()) * (total - v) for w, v in zip(t[0], a, strict=True))
        binary = sum(w.item() * mp_softplus(-v) + (1 - w.item()) * mp_softplus(v) for w, v in zip(t[0], a, strict=True))
        square = sum((v - w.item()) ** 2 for w, v in zip(t[0], a, strict=True)) / 2
    size = max(map(abs, scores)) + 1
    for loss, wanted, slope in (
        (cs.cross_entropy, entropy, 3),
        (cs.binary_cross_entropy, binary, 3),
        (cs.squared_error, square, 3 * size),
    ):
        got = loss(z, z, t)[0]
        assert abs(got.real.item() - wanted.real) <= 32 * U * 3 * max(size, abs(wanted.real))
        assert abs(got.imag.item() - wanted.imag) <= 32 * U * 2e-20 * slope


# Whole networks ----------------------------------------------------------------------------------------------------


def mp_error(problem: Problem, W, b):
    """E in mpmath, the textbook's formulas, for matrices W and b of mpf."""
    f, total = MP_FUNCTIONS[problem.activation], mpmath.mpf(0)
    for x, t in zip(problem.x.tolist(), problem.t.tolist(), strict=True):
        z = [mpmath.mpf(v) for v in x]
        for l, (w, v) in enumerate(zip(W, b, strict=True), 1):
            a = [sum(z[i] * w[i][k] for i in range(len(z))) + v[k] for k in range(len(v))]
            z = [f(value) for value in a] if l < problem.L else a
        if problem.loss == "cross-entropy":
            rest = mpmath.log(sum(mpmath.exp(v) for v in z))
            total += sum(mpmath.mpf(q) * (rest - v) for q, v in zip(t, z, strict=True))
        elif problem.loss == "binary-cross-entropy":
            total += sum(q * mp_softplus(-v) + (1 - q) * mp_softplus(v) for q, v in zip(t, z, strict=True))
        else:
            total += sum((MP_FUNCTIONS[problem.output](v) - q) ** 2 for q, v in zip(t, z, strict=True)) / 2
    penalty = sum(v**2 for w in W for row in w for v in row)
    return total / problem.N + problem.form.of(mpmath.mpf(problem.lam), problem.N) / 2 * penalty


def mp_gradient(problem: Problem) -> dict[str, Tensor]:
    """dW and db by central differences at 50 digits: exact to about 30."""
    lift = lambda v: [lift(u) for u in v] if isinstance(v, list) else mpmath.mpf(v)
    W, b = [lift(w.tolist()) for w in problem.W], [lift(v.tolist()) for v in problem.b]
    h, found = mpmath.mpf(10) ** -16, {}

    def slope(row, k):
        kept, E = row[k], []
        for sign in (1, -1):
            row[k] = kept + sign * h
            E.append(mp_error(problem, W, b))
        row[k] = kept
        return float((E[0] - E[1]) / (2 * h))

    for l in range(1, problem.L + 1):
        found[f"dW{l}"] = torch.stack([real(*(slope(row, k) for k in range(len(row)))) for row in W[l - 1]])
        found[f"db{l}"] = real(*(slope(b[l - 1], k) for k in range(len(b[l - 1]))))
    return found


@pytest.mark.parametrize("kind", PAIRS_OF)
@pytest.mark.parametrize("name", ALLOWED)
def test_network_against_mpmath(name, kind):
    """Each entry is off by no more than its bar and the running budget of its point, and by little in relation."""
    problem = with_pair(problem_of([2, 3, 2, 2], N=2, activation=name, lam=0.01, constants=Constants(swish=BETA)), kind)
    with mpmath.workdps(50):
        wanted = mp_gradient(problem)
    found, point = complex_step(problem), budgets(problem)
    for line, value in wanted.items():
        error = (found[line].value - value).abs()
        assert bool((error <= found[line].bar + point[line]).all()), line
        assert bool((error <= 1e-14 * (1 + value.abs())).all()), line


@given(
    st.sampled_from(ALLOWED), st.sampled_from(sorted(PAIRS_OF)), st.sampled_from([1e-3, 0.1, 1.0, 10.0, 1e3]),
    st.lists(st.integers(1, 5), min_size=2, max_size=5), st.integers(1, 4), st.integers(0, 2**31),
    st.sampled_from([0.0, 0.1]),
)  # fmt: skip
def test_agrees_with_autograd_and_manual(name, kind, scale, layers, N, seed, lam):
    problem = with_pair(problem_of(layers, N, seed, scale, activation=name, lam=lam), kind)
    found = complex_step_witness(problem)
    for other in (autograd_witness(problem), manual_witness(problem)):
        for line in set_against(other, found):
            assert line.verdict is not Verdict.DISAGREE, line
            assert scale > 1 or line.agrees, line


def test_scores_of_ten_thousand_are_finite():
    for kind in PAIRS_OF:
        for name in ALLOWED:
            problem = with_pair(problem_of([3, 4, 3], activation=name), kind)
            problem = replace(problem, W=tuple(1e4 * w for w in problem.W))
            for line, estimate in complex_step(problem).items():
                assert bool(torch.isfinite(estimate.value).all()), (name, kind, line)


def test_the_network_stays_as_it_is():
    problem = problem_of([3, 4, 2])
    before = [v.clone() for v in (*problem.W, *problem.b, problem.x, problem.t)]
    complex_step(problem)
    assert all(torch.equal(v, w) for v, w in zip((*problem.W, *problem.b, problem.x, problem.t), before, strict=True))


@pytest.mark.parametrize("kind", PAIRS_OF)
@pytest.mark.parametrize("name", ALLOWED)
def test_every_tensor_is_made_on_the_device_of_the_problem(name, kind):
    """Under FakeTensorMode a CPU tensor that meets one of the pretended GPU raises."""
    with FakeTensorMode(allow_non_fake_inputs=False):
        draw = lambda *shape: torch.empty(*shape, dtype=torch.float64, device="cuda")
        problem = Problem((draw(5, 4), draw(4, 3)), (draw(4), draw(3)), draw(6, 5), draw(6, 3), name, lam=0.1)
        for estimate in complex_step(with_pair(problem, kind)).values():
            assert {v.device.type for v in (estimate.value, estimate.bar, estimate.undecided)} == {"cuda"}


def test_blocks_of_any_size_give_the_same():
    problem = problem_of([5, 7, 6, 3], N=4)
    whole, pieces = complex_step(problem), complex_step(problem, memory=4096)
    for line, estimate in whole.items():
        assert bool((estimate.value - pieces[line].value).abs().le(estimate.bar).all()), line


# Errors are caught ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("relative", [1e-10, -1e-8, 1e-4])
def test_one_wrong_entry_is_caught(relative):
    problem = problem_of([4, 6, 5, 3], lam=0.01)
    right, found = manual_witness(problem), complex_step_witness(problem)
    for line in ("dW1", "db1", "dW2", "dW3", "db3"):
        wrong = right.lines[line].copy()
        wrong.flat[wrong.size // 2] *= 1 + relative
        budget = right.bars[line] + found.bars[line]
        result = compare(line, ("manual", "complex-step"), wrong, found.lines[line], budget)
        assert result.verdict is Verdict.DISAGREE, line
        assert result.wrong == 1


@pytest.mark.parametrize(
    ("equation", "line"), [("slope", "dW1"), ("decay", "dW2"), ("mean", "db2"), ("bias_terms", "db1")]
)
def test_a_wrong_equation_is_caught(equation, line):
    wrong = {
        "slope": lambda net, l: net.f.derivative(net.z[l]),
        "decay": lambda net, l: net.lam / net.N * net.W[l],
        "mean": lambda net, total: total,
        "bias_terms": lambda net, l: net.delta[l].mean(dim=0),
    }
    p = problem_of([4, 5, 3], lam=0.1)
    equations = replace(SLIDES, **{equation: wrong[equation]})
    lines = lines_of(work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam, equations))
    right, found = manual_witness(p), complex_step_witness(p)
    mistaken = replace(right, lines={name: v.numpy() for name, v in lines.items()})
    assert {c.line: c.verdict for c in set_against(mistaken, found)}[line] is Verdict.DISAGREE


def test_bars_are_narrower_than_those_of_the_differences():
    problem = problem_of([6, 8, 4], N=5)
    exact, differenced = complex_step(problem), differences(problem)
    for line in ("dW1", "db1", "dW2", "db2"):
        assert exact[line].bar.median() < 0.01 * differenced[line].bar.median(), line


# Where it is not available -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(ACTIVATIONS) - set(ALLOWED)))
def test_activations_without_a_complex_form_are_refused(name):
    problem = problem_of([3, 4, 2], activation=name)
    assert unavailable(problem) == f"activation {name!r} has no complex step; allowed are {', '.join(ALLOWED)}"
    with pytest.raises(BadInput, match=name):
        complex_step_witness(problem)
    square = replace(problem, activation="tanh", output=name, loss="squared-error")
    assert f"output {name!r}" in str(unavailable(square))


def test_the_hidden_activation_of_a_network_without_hidden_layers_does_not_matter():
    problem = problem_of([3, 2], activation="relu")
    assert unavailable(problem) is None
    assert all(c.agrees for c in set_against(autograd_witness(problem), complex_step_witness(problem)))


def test_a_residual_smaller_than_the_step_is_within_the_bar() -> None:
    """½(y − t)² with y of the size of s: s²E‴ is then all there is."""
    one, tiny = torch.ones(1, 1, dtype=torch.float64), torch.full((1,), 1e-121, dtype=torch.float64)
    problem = Problem((0 * one,), (tiny,), 0 * one, 0 * one, "relu", "swish", "squared-error")
    found = complex_step(problem)["delta1"]
    right = autograd_witness(problem).lines["delta1"]
    assert float((found.value - torch.as_tensor(right)).abs()) <= float(found.bar) < 1e-60
