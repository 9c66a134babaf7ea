"""What the network's lesson says of its equations: the catalogue's texts by key, and what is known without a name.

All are written as deck 000 has it, in rows; {delta} is the formula of δ(L). `verify.lessons.network.words` puts them
into the words of an assignment.
"""

from __future__ import annotations

from verify.grading.known_numbers import TEXTS as OF_NUMBERS
from verify.lessons.network.mistake import Variant
from verify.lessons.network.mistakes import CATALOGUE
from verify.said import Said, saying

__all__ = ["TEXTS", "form_of", "mistake_text", "said"]

_KNOWN = {
    **OF_NUMBERS,
    "factor-N": "Every entry of your {line} is N times the expected one, N being the size of the batch.",
    "factor-1/N": "Every entry of your {line} is 1/N times the expected one, N being the size of the batch.",
    "factor-K": "Every entry of your {line} is K times the expected one, K being the number of outputs.",
    "factor-1/K": "Every entry of your {line} is 1/K times the expected one, K being the number of outputs.",
    "parts-data": "In your {line} the factor of the data's part is {data}, where 1 is right; {λ}W is right.",
    "parts-decay": "In your {line} the factor of {λ}W is {decay}, where 1 is right; the data's part is right.",
    "parts": "In your {line} the data's part has the factor {data} and {λ}W the factor {decay}, where both are 1.",
    "parameter": "Your {line} is {parameter} itself, on every problem.",
    # conditions
    "with-more-samples": "with more than one sample (N > 1)",
    "with-one-sample": "with one sample (N = 1)",
    "with-penalty": "with λ > 0",
    "without-penalty": "with λ = 0",
    "with-different-widths": "where the layers have different numbers of units",
    "with-depth": "in networks of {depth:layer}",
    "with-other-depth": "in networks of any depth but {depth}",
    "with-depth-from": "in networks of {depth:layer} and more",
    "with-samples": "with {N} samples (N = {N})",
    "with-activation": "with {names}",
    # additions to a mistake
    "only-under": "It shows under {names} only: with the other activations it is right.",
    "number": "The program's own number here is {number}.",
    "eta": "η = {number}.",
    "bend": "It asks about a number between {least} and {most}, where f bends at {knot}.",
    "limit": "The limit is {limit}.",
    "saturated": "It is 0, 1 or −1 itself beyond some |a| between {least} and {most}.",
    "straight-softplus": "Softplus is replaced by a itself where a is large: f and f′ lose what e⁻ᵃ is there.",
    "straight": "That begins between a = {least} and a = {most}.",
    "limit-of-entries": "Every entry of {what} stays within ±{limit}.",
    "limit-of-norm": "Every {what} is scaled to the norm {limit}.",
    "limit-of-all": "All gradients together are scaled to the norm {limit}.",
    "epsilon": "ε is {epsilon}.",
    "it-is": "It is {name}.",
    "it-is-the-form": "It is the form {name}.",
    "another-gelu": "The GELU is another form than the assignment's, in f and f′ alike.",
    "another-kappa": "The Huber loss has another constant than the assignment's.",
    "constant-of-huber": "κ is {number} here; the assignment's is {own}.",
    "constant-of-leaky_relu": "The slope γ is {number} here; the assignment's is {own}.",
    "constant-of-elu": "γ is {number} here; the assignment's is {own}.",
    "constant-of-swish": "β is {number} here; the assignment's is {own}.",
    "logarithm-plus": "E has ln(y + ε) with ε = {epsilon}.",
    "logarithm-max": "E has ln(max(y, ε)) with ε = {epsilon}.",
    "logarithm-clip": "E has ln(clip(y, ε, 1 − ε)) with ε = {epsilon}.",
    "biases-at-output": "The output layer's b(L) alone is missing.",
    "biases-below": "The hidden layers' b(l) alone are missing.",
    "stepped-each-sample": "W is stepped after each sample.",
    "stepped-after": "W is stepped after each sample, so the next sample meets other weights. The gradients of a batch "
    "all belong to the W that came in.",
    "stepped-in-the-step": "That is in the step, after each sample.",
    "arguments-rounded": "The arguments are rounded on the way in.",
    # what is rounded to float32 in the middle of a program
    "rounded-x-forward": "It is x in a(1) = x W(1) + b(1) that is rounded.",
    "rounded-x-in-dW": "It is x in dW(1) = xᵀ δ(1) that is rounded.",
    "rounded-z-in-dW": "It is z(l−1) in dW(l) = z(l−1)ᵀ δ(l) that is rounded.",
    "rounded-delta-in-dW": "It is δ(l) in dW(l) = z(l−1)ᵀ δ(l) that is rounded.",
    "rounded-W-forward": "It is W(l) in a(l) = z(l−1) W(l) + b(l) that is rounded.",
    "rounded-delta-output": "It is δ(L) that is rounded.",
    "rounded-delta": "It is δ of every layer that is rounded.",
    "rounded-W-back": "It is W(l+1) in δ(l+1) W(l+1)ᵀ that is rounded.",
    "rounded-carried": "It is δ(l+1) W(l+1)ᵀ that is rounded.",
    "single-forward": "It is the product z(l−1) W(l) that is computed in float32.",
    "single-dW": "It is the product z(l−1)ᵀ δ(l) that is computed in float32.",
    "single-back": "It is the product δ(l+1) W(l+1)ᵀ that is computed in float32.",
    "rounded-y": "It is y that is rounded.",
    "rounded-z": "It is z of every hidden layer that is rounded.",
}  # fmt: skip


def _of_catalogue() -> dict[str, str]:
    texts = {f"mistake-{m.id}": m.says for m in CATALOGUE.values()}
    for m in CATALOGUE.values():
        texts |= {f"mistake-{m.id}-{v.at}": v.says for v in m.variants if v.says}
        texts |= {f"form-{m.id}-{v.at}": v.form for v in m.variants if v.form and not v.says}
    return texts


TEXTS = {**_KNOWN, **_of_catalogue()}

said = saying(TEXTS)


def mistake_text(id: str, variant: Variant | None = None) -> Said:
    """What is said of a mistake, or of one form of it that has a text of its own."""
    return said(f"mistake-{id}" if variant is None or not variant.says else f"mistake-{id}-{variant.at}")


def form_of(variant: Variant) -> Said:
    """Which form of its mistake a variant is."""
    return said(f"form-{variant.mistake}-{variant.at}")
