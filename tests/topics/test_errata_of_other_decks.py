"""Decks 001 to 004 by the letter and mended. What a topic's own tests show is named from docs/ERRATA.md as well."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest
import torch

from manual import activation, columns, pair, work
from manual.activations import sigmoid_derivative, tanh
from manual.initialisation import weights

ROOT = Path(__file__).resolve().parents[2]
F = torch.float64


def _slope(f: object, x: float, h: float = 1e-6) -> float:
    at = lambda v: f(torch.tensor(v, dtype=F))  # type: ignore[operator]
    return float((at(x + h) - at(x - h)) / (2 * h))


# Deck 002's listing --------------------------------------------------------------------------------------------------


def _listing(W: list, b: list, x: torch.Tensor, error: torch.Tensor) -> tuple[list, list]:
    """backpropagation of deck 002 "2. 前向\\反向传播", in torch: dweights summed over the batch, dthetas = delta."""
    f = activation("tanh")
    z, K = [], []
    for i in range(len(W)):
        K.append(x if i == 0 else f.f(z[i - 1]))
        z.append(W[i] @ K[i] + b[i])
    delta = [torch.empty(0)] * len(W)
    for i in reversed(range(len(W))):
        above = error if i == len(W) - 1 else W[i + 1].T @ delta[i + 1]
        delta[i] = above * f.derivative(z[i])
    return [d @ k.T for d, k in zip(delta, K, strict=True)], delta


def _network(N: int) -> tuple[list, list, torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(2)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=F)
    return [draw(3, 2), draw(2, 3)], [draw(3, 1), draw(2, 1)], draw(2, N), draw(2, N)


def test_the_listing_forgets_k_and_goes_downhill_only_by_its_sign() -> None:
    """6: the output is k·a; with error = target − output the listing gives −∂E/∂W over k."""
    W, b, x, t = _network(1)
    k = 3.0
    leaves = [w.clone().requires_grad_() for w in W]
    a = torch.tanh(leaves[1] @ torch.tanh(leaves[0] @ x + b[0]) + b[1])
    E = torch.sum((k * a - t) ** 2) / 2
    exact = torch.autograd.grad(E, leaves)
    letter, _ = _listing(W, b, x, (t - k * a).detach())
    for mine, theirs in zip(letter, exact, strict=True):
        assert not torch.allclose(mine, theirs, rtol=0.1)
        assert not torch.allclose(-mine, theirs, rtol=0.1)
        torch.testing.assert_close(-k * mine, theirs)


def test_the_listings_thetas_are_not_summed() -> None:
    """7: of a batch of four, dthetas has four columns, and b has one."""
    W, b, x, t = _network(4)
    dweights, dthetas = _listing(W, b, x, t)
    assert [w.shape for w in dweights] == [w.shape for w in W]
    assert dthetas[0].shape == (3, 4) != b[0].shape
    f = [activation("tanh")] * 2
    layers = columns.forward(W, b, f, x)
    _, mended = columns.batch_gradients(W, b, f, x, t, 0.0)
    _, one_by_one = _listing(W, b, x, layers.a[-1] - t)
    for sums, columns_ in zip(mended, one_by_one, strict=True):
        torch.testing.assert_close(columns_.sum(dim=1, keepdim=True) / 4, sums)


# Numbers and statements ----------------------------------------------------------------------------------------------


def test_the_logistic_functions_slope_is_positive() -> None:
    """8: the handwriting of deck 004 "Sigmoid例子" has −σ(1 − σ); the printed derivation has σ(1 − σ)."""
    for x in (-2.0, 0.0, 1.5):
        s = float(torch.sigmoid(torch.tensor(x, dtype=F)))
        assert _slope(torch.sigmoid, x) == pytest.approx(s * (1 - s), rel=1e-8)
        assert _slope(torch.sigmoid, x) != pytest.approx(-s * (1 - s), rel=1e-8)


def test_an_image_has_784_pixels() -> None:
    """13: deck 002 "Exercise 1" makes 764 of 28 × 28; its own network begins with 784."""
    assert 28 * 28 == 784


def test_elu_as_a_sum_fails_for_a_negative_constant() -> None:
    """15: max(0, x) + min(0, γ(eˣ − 1)) is ELU only for γ ≥ 0."""
    letter = lambda x, gamma: max(0.0, x) + min(0.0, gamma * math.expm1(x))
    right = lambda x, gamma: x if x > 0 else gamma * math.expm1(x)
    for x in (-2.0, -0.1, 0.0, 0.1, 2.0):
        assert letter(x, 1.5) == right(x, 1.5)
    assert letter(2.0, -1.0) != right(2.0, -1.0)
    assert letter(-1.0, -1.0) != right(-1.0, -1.0)


def test_a_loss_holds_no_minimum() -> None:
    """18: J as the smallest ½ǁh − yǁ² is one number, the same for all weights, and its gradient is 0."""
    losses = [0.5 * (w * 2.0 - 1.0) ** 2 for w in (0.0, 0.25, 0.5)]
    assert losses == [0.5, 0.125, 0.0]
    assert len({min(losses) for _ in losses}) == 1


def test_tanh_goes_down_to_minus_one() -> None:
    """20: deck 002 "经典激活函数" says of both functions that they squeeze into (0, 1)."""
    assert float(tanh(torch.tensor(-3.0, dtype=F))) < -0.99


def test_the_slides_forms_overflow() -> None:
    """21: ln(1 + e⁸⁰⁰) and (e⁸⁰⁰ − e⁻⁸⁰⁰)/(e⁸⁰⁰ + e⁻⁸⁰⁰) by the letter, and by the forms that manual/ has."""
    x = torch.tensor(800.0, dtype=F)
    assert not bool(torch.isfinite(torch.log(1 + torch.exp(x))))
    assert not bool(torch.isfinite((torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))))
    assert float(activation("softplus").f(x)) == 800.0
    assert float(activation("tanh").f(x)) == 1.0


def test_what_deck_003_says_of_unstable_gradients() -> None:
    """22: σ′ never exceeds ¼; weights below 1 can make products grow; η changes no gradient."""
    a = torch.linspace(-20, 20, 4001, dtype=F)
    assert float(sigmoid_derivative(a).max()) == 0.25
    product = torch.ones(100, dtype=F)
    for _ in range(5):
        product = torch.full((100, 100), 0.9, dtype=F) @ product
    assert float(product[0]) > 1e9
    W, b = weights([3, 4, 2], "fan-in", torch.Generator().manual_seed(0))
    x, t = torch.ones(2, 3, dtype=F), torch.eye(2, dtype=F)
    once = [work(W, b, x, t, activation("tanh"), pair("softmax", "cross-entropy"), 0.0).dW[1] for _ in (0.001, 10.0)]
    assert torch.equal(*once)


def test_the_handwritten_chain_of_deck_004_has_no_such_product() -> None:
    """23: ∂L/∂w = δ aᵀ; by the letter (∂L/∂w)·(∂L/∂z) = a has the shape of a, and z = Wᵀa leaves b out."""
    W, b, x, y = (
        [torch.tensor([[0.5, -1.0]], dtype=F)],
        [torch.tensor([[0.3]], dtype=F)],
        torch.ones(2, 1, dtype=F),
        torch.zeros(1, 1, dtype=F),
    )
    dW, db = columns.gradients(W, b, [activation("sigmoid")], x, y, 0.0)
    leaf = W[0].clone().requires_grad_()
    L = torch.sum((torch.sigmoid(leaf @ x + b[0]) - y) ** 2) / 2
    torch.testing.assert_close(dW[0], torch.autograd.grad(L, leaf)[0])
    torch.testing.assert_close(dW[0], db[0] @ x.T)
    assert dW[0].shape != x.shape
    assert float(leaf.detach() @ x) != float(leaf.detach() @ x + b[0])


def test_the_composite_of_deck_000_is_not_the_outer_derivative() -> None:
    """25: f(x) = 2x + 2, g(x) = 3x + 3: g′(f(x)) is 3; it is (g ∘ f)′ that is 6."""
    f, g = lambda x: 2 * x + 2, lambda x: 3 * x + 3
    assert _slope(g, float(f(5.0))) == pytest.approx(3.0)
    assert _slope(lambda x: g(f(x)), 5.0) == pytest.approx(6.0)


# The page ------------------------------------------------------------------------------------------------------------


def test_every_erratum_has_its_number_its_kind_and_a_test_that_exists() -> None:
    text = (ROOT / "docs" / "ERRATA.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (gradient|shape|number|prose) \|.*\|\s*([^|]*?)\s*\|$", text, re.MULTILINE)
    assert sorted(int(n) for n, _, _ in rows) == list(range(1, 26))
    known = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    for number, _, tests in rows:
        named = re.findall(r"`(test_\w+)`", tests)
        assert named or number in ("19", "24"), number  # a matter of notation: NOTATION.md settles it
        assert set(named) <= known, (number, set(named) - known)
