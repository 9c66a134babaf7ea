"""Steps as lessons: descent, momentum, Adam, clipping by norm; right programs, and each mistake in styles of code."""

from __future__ import annotations

import pytest

from tests.lessons.grading import exam_of, graded, names
from verify.lessons.registry import BUILT_IN

STEPS = ("descent", "momentum", "adam", "clipping")

# lesson -> (head of a program, lines that mistakes replace, its end): whole arrays, and entry by entry.
ARRAYS = {
    "descent": "def step(W, g, eta, lam):\n    g = {g}\n    return {w}\n",
    "momentum": "def step(w, g, v, eta, mu):\n    v_old = v\n    v = {v}\n    w = {w}\n    return w, v\n",
    "adam": (
        "import numpy as np\n\ndef step(w, g, m, v, k, eta, beta1, beta2, epsilon):\n    m = {m}\n    v = {v}\n"
        "    m_hat, v_hat = {hats}\n    return {w}, m, v\n"
    ),
    "clipping": (
        "import numpy as np\n\ndef clip(dW, db, most, epsilon):\n    norm = {norm}\n    c = {c}\n    return {pair}\n"
    ),
}
ENTRIES = {
    "descent": (
        "import numpy as np\n\ndef step(W, g, eta, lam):\n    new = np.zeros_like(W)\n"
        "    for i, j in np.ndindex(*W.shape):\n        new[i, j] = one(W[i, j], g[i, j], eta, lam)\n    return new\n\n"
        "def one(W, g, eta, lam):\n    g = {g}\n    return {w}\n"
    ),
    "momentum": (
        "import numpy as np\n\ndef step(w, g, v, eta, mu):\n    pairs = [one(*n, eta, mu) for n in zip(w, g, v)]\n"
        "    return np.array([p for p, _ in pairs]), np.array([q for _, q in pairs])\n\n\n"
        "def one(w, g, v, eta, mu):\n    v_old = v\n    v = {v}\n    return {w}, v\n"
    ),
    "adam": (
        "import numpy as np\n\n\nclass Adam:\n    def __init__(self, k, beta1, beta2):\n"
        "        self.k, self.beta1, self.beta2 = k, beta1, beta2\n\n"
        "    def one(self, w, g, m, v, eta, epsilon):\n        k, beta1, beta2 = self.k, self.beta1, self.beta2\n"
        "        m = {m}\n        v = {v}\n        m_hat, v_hat = {hats}\n        return {w}, m, v\n\n\n"
        "def step(w, g, m, v, k, eta, beta1, beta2, epsilon):\n    rule = Adam(k, beta1, beta2)\n"
        "    rows = [rule.one(*n, eta, epsilon) for n in zip(w, g, m, v)]\n"
        "    return tuple(np.array(column) for column in zip(*rows))\n"
    ),
    "clipping": (
        "import numpy as np\n\ndef clip(dW, db, most, epsilon):\n    every = np.concatenate([dW.ravel(), db.ravel()])\n"
        "    norm = {norm}\n    c = {c}\n    return {pair}\n"
    ),
}
RIGHT = {
    "descent": {"g": "g + lam * W", "w": "W - eta * g"},
    "momentum": {"v": "mu * v + g", "w": "w - eta * v"},
    "adam": {
        "m": "beta1 * m + (1 - beta1) * g", "v": "beta2 * v + (1 - beta2) * g ** 2",
        "hats": "m / (1 - beta1 ** k), v / (1 - beta2 ** k)", "w": "w - eta * m_hat / (np.sqrt(v_hat) + epsilon)",
    },
    "clipping": {
        "norm": "np.sqrt(np.sum(dW ** 2) + np.sum(db ** 2))", "c": "min(1.0, most / (norm + epsilon))",
        "pair": "c * dW, c * db",
    },
}  # fmt: skip
# lesson -> mistake -> what stands in its place
WRONG = {
    "descent": {
        "step-sign": {"w": "W + eta * g"}, "rate-missing": {"w": "W - g"}, "l2-missing": {"g": "g"},
        "l2-sign": {"g": "g - lam * W"}, "l2-doubled": {"g": "g + 2 * lam * W"},
        "l2-decoupled": {"g": "g", "w": "W - eta * g - lam * W"},
    },
    "momentum": {
        "momentum-sign": {"v": "mu * v - g"}, "step-sign": {"w": "w + eta * v"},
        "momentum-rate-in-velocity": {"v": "mu * v - eta * g", "w": "w + v"},
        "momentum-of-the-step-before": {"w": "w - eta * v_old"}, "momentum-dampened": {"v": "mu * v + (1 - mu) * g"},
        "momentum-looks-ahead": {"w": "w - eta * (g + mu * v)"}, "momentum-missing": {"v": "g"},
    },
    "adam": {
        "adam-correction-missing": {"hats": "m, v"},
        "adam-bias-correction": {"hats": "m / (1 - beta1), v / (1 - beta2)"},
        "adam-epsilon-inside-root": {"w": "w - eta * m_hat / np.sqrt(v_hat + epsilon)"},
        "adam-epsilon-before-correction": {
            "w": "w - eta * np.sqrt(1 - beta2 ** k) / (1 - beta1 ** k) * m / (np.sqrt(v) + epsilon)"
        },
        "adam-root-missing": {"w": "w - eta * m_hat / (v_hat + epsilon)"},
        "adam-share-missing": {"m": "beta1 * m + g", "v": "beta2 * v + g * g"},
        "adam-betas-exchanged": {
            "m": "beta2 * m + (1 - beta2) * g", "v": "beta1 * v + (1 - beta1) * g ** 2",
            "hats": "m / (1 - beta2 ** k), v / (1 - beta1 ** k)",
        },
        "step-sign": {"w": "w + eta * m_hat / (np.sqrt(v_hat) + epsilon)"},
    },
    "clipping": {
        "clip-by-value": {"pair": "np.clip(dW, -most, most), np.clip(db, -most, most)"},
        "clip-each-by-itself": {
            "pair": "tuple(v * min(1.0, most / (np.linalg.norm(v) + epsilon)) for v in (dW, db))"
        },
        "clip-always": {"c": "most / (norm + epsilon)"},
        "clip-epsilon-missing": {"c": "min(1.0, most / norm)"},
        "clip-norm-squared": {"norm": "np.sum(dW ** 2) + np.sum(db ** 2)"},
        "clip-by-the-largest": {"norm": "max(np.abs(dW).max(), np.abs(db).max())"},
    },
}  # fmt: skip
OTHER_WAYS = {
    "descent": [{"g": "lam * W + g", "w": "W + (-eta) * g"}, {"g": "g", "w": "(1 - eta * lam) * W - eta * g"}],
    "momentum": [{"v": "g + v * mu", "w": "w + -eta * v"}, {"w": "w - eta * g - eta * mu * v_old"}],
    "adam": [
        {"m": "m + (1 - beta1) * (g - m)", "w": "w - (eta / (v_hat ** 0.5 + epsilon)) * m_hat"},
        {
            "hats": "eta * np.sqrt(1 - beta2 ** k) / (1 - beta1 ** k), epsilon * np.sqrt(1 - beta2 ** k)",
            "w": "w - m_hat * m / (np.sqrt(v) + v_hat)",
        },
    ],
    "clipping": [
        {"norm": "np.linalg.norm(np.append(dW.ravel(), db))", "pair": "dW * c, db * c"},
        {"c": "most / (norm + epsilon) if norm + epsilon > most else 1.0"},
    ],
}  # fmt: skip
MISTAKES = [(lesson, mistake) for lesson, wrong in WRONG.items() for mistake in wrong]


def test_they_come_with_backproof() -> None:
    assert set(STEPS) <= set(BUILT_IN)


@pytest.mark.parametrize("lesson", STEPS)
@pytest.mark.parametrize("style", [ARRAYS, ENTRIES], ids=["arrays", "entries"])
def test_right_programs_are_right(lesson: str, style: dict[str, str]) -> None:
    for other in ({}, *OTHER_WAYS[lesson]):
        record = graded(exam_of(lesson), style[lesson].format(**RIGHT[lesson] | other))
        assert (record.state, record.score, record.hidden_mistakes) == ("correct", 10.0, []), other


@pytest.mark.parametrize(("lesson", "mistake"), MISTAKES)
@pytest.mark.parametrize("style", [ARRAYS, ENTRIES], ids=["arrays", "entries"])
def test_each_mistake_is_named(lesson: str, mistake: str, style: dict[str, str]) -> None:
    record = graded(exam_of(lesson), style[lesson].format(**RIGHT[lesson] | WRONG[lesson][mistake]))
    assert (record.state, names(record)) == ("wrong", [mistake])
    assert record.score is not None
    assert record.score < 10
    assert record.counterexample is not None


@pytest.mark.parametrize(
    ("lesson", "change"),
    [("adam", {"w": "w - eta * m_hat / (np.sqrt(v_hat) + 2 * epsilon)"}), ("momentum", {"v": "mu * v + 1.01 * g"}),
     ("descent", {"w": "W - eta * abs(g)"}), ("clipping", {"c": "min(1.0, most / (norm - epsilon))"})],
)  # fmt: skip
def test_what_no_mistake_explains_gets_no_name(lesson: str, change: dict[str, str]) -> None:
    record = graded(exam_of(lesson), ARRAYS[lesson].format(**RIGHT[lesson] | change))
    assert (record.state, record.diagnosis) == ("wrong", [])
