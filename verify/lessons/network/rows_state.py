"""Rows of the catalogue that no replaced equation shows: order, state, constants, and the form of the answer."""

from __future__ import annotations

from verify.lessons.network.mistake import mistake

STATE = [
    mistake("step-sign", "W + η ∂E/∂W", "W − η ∂E/∂W",
            "The step goes uphill: W + η dW for W − η dW.", kinds=("W",)),
    mistake("step-repeated", "the step taken N times", "W − η ∂E/∂W",
            "The step is taken once per sample with the whole batch's gradient: N times too far.", kinds=("W",)),
    mistake("step-without-weights", "−η ∂E/∂W", "W − η ∂E/∂W",
            "The step returns −η dW alone: the W that came in is missing in it.", kinds=("W",)),
    mistake("step-gradients-exchanged", "W − η ∂E/∂b, b − η ∂E/∂W", "W − η ∂E/∂W, b − η ∂E/∂b",
            "The step exchanges the gradients: W is stepped along db, and b along dW.", kinds=("W",)),
    mistake("inputs-mutated", "writes into x, t, W or b", "reads them",
            "The program writes into its arguments: the caller's data have changed after the call. Copy first."),
    mistake("cache-stale", "values of an earlier forward pass", "values of this forward pass",
            "Values of an earlier call are used again: the second call's result depends on the first's data."),
    mistake("gradients-accumulated", "+= without a zero first", "= at the start of each call",
            "Gradients pile up from call to call: they are added with += and never set back to zero."),
    mistake("precision-float32", "float32", "float64",
            "The computation runs in float32 although float64 came in."),
    mistake("integer-arrays", "integer buffers", "floating buffers",
            "Integer arrays or an integer division cut off everything behind the decimal point.", kinds=("dW", "db")),
    mistake("softmax-overflow", "exp(a)", "exp(a − max a)",
            "Large scores overflow: take the row's maximum off before exp. (Advice; no points.)"),
]  # fmt: skip

# Found with the number that the program uses, which is read off what came back.
CONSTANTS = [
    mistake("activation-clipped", "f(min(a, c))", "f(a)",
            "The activation is cut off beyond a constant. f has no such limit.", kinds=("z",)),
    mistake("bend-shifted", "a > c, c ≠ 0", "a > 0",
            "A comparison asks about another number than the one at which the activation bends: between the two the "
            "wrong side is taken.",
            kinds=("delta below",)),
    mistake("activation-ignored", "one f for every name", "f by its name",
            "One activation is used whatever name is asked for.", kinds=("z",)),
    mistake("constant-of-another-library", "f with another constant", "f with the assignment's constant",
            "The activation has another constant than the assignment's, as in another library.", kinds=("z",)),
    mistake("scores-clipped", "y = softmax(clip(a(L), ±c))", "y = softmax(a(L))",
            "The scores a(L) are cut off before y is computed from them: beyond the limit y is that of another score.",
            kinds=("y",)),
    mistake("probability-clipped", "clip(y, ε, 1 − ε)", "y",
            "y is clipped before δ(L) is computed from it: small probabilities lose their gradient.",
            kinds=("delta output",)),
    mistake("epsilon-in-denominator", "e / (Σ e + ε)", "e / Σ e",
            "An epsilon stands in a denominator. Where what it is added to is small, it changes the result.",
            kinds=("y",)),
    mistake("epsilon-in-log", "ln(y + ε)", "ln y",
            "An epsilon stands in the logarithm of E. Take the maximum off before exp, and no epsilon is needed.",
            kinds=("E",)),
    mistake("gradient-clipped", "clip(∂E/∂W)", "∂E/∂W",
            "Gradients are clipped. That belongs to the training loop; the gradient itself has no limit.",
            kinds=("dW", "db")),
]  # fmt: skip

# What is handed over in another arrangement.
ARRANGED = [
    mistake("bias-axis-kept", "∂E/∂b of shape (1, n)", "∂E/∂b of shape (n,), as b",
            "∂E/∂b has an axis more than b, as a sum with keepdims=True leaves it. The numbers were judged without it.",
            kinds=("db",)),
    mistake("reversed-lists", "[∂E/∂W(L), …, ∂E/∂W(1)]", "[∂E/∂W(1), …, ∂E/∂W(L)]",
            "dW and db are handed over from the output to the input. The first of each list is layer 1's."),
    mistake("gradients-exchanged", "db, dW", "dW, db",
            "db and dW are handed over in each other's place. The weights' gradients come first."),
    mistake("weight-gradients-transposed", "(∂E/∂W(l))ᵀ", "∂E/∂W(l), of W(l)'s shape",
            "∂E/∂W(l) is handed over transposed: it has the shape of W(l), one row per input.", kinds=("dW",)),
    mistake("forward-biases-missing", "a(l) = z(l−1) W(l)", "a(l) = z(l−1) W(l) + b(l)",
            "The biases are not added in the forward pass."),
    mistake("arrays-the-other-way-round", "samples in the other axis", "the assignment's convention",
            "The program is written for arrays that lie the other way round: rows and columns are exchanged."),
    mistake("layers-hard-coded", "a fixed number of layers", "as many layers as W has",
            "The number of layers is fixed in the program. Loop over the layers of W."),
]  # fmt: skip
