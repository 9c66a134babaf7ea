"""The assignments for which programs are drawn: every output and loss, one unit to 1,024, one layer to twenty."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass

from verify.benchmarks.programs.curves import Constants
from verify.grading.assignment import Assignment, assignment_from

_ALL = (
    'activations = ["relu", "leaky_relu", "elu", "softplus", "sigmoid", "tanh", "swish", "gelu", "gelu_tanh", '
    '"gelu_sigmoid", "identity"]\n'
)
_MORE = (
    'activations = ["relu6", "hard_tanh", "hard_sigmoid", "hard_swish", "mish", "selu", "celu", "prelu", "softsign", '
    '"log_sigmoid", "silu"]\n'
)


@dataclass(frozen=True)
class Task:
    """An assignment, as its TOML says it.

    small: loops over units in Python are bearable. heavy: one program takes more than a second.
    """

    name: str
    toml: str
    small: bool = True
    heavy: bool = False

    @property
    def assignment(self) -> Assignment:
        return assignment_from(tomllib.loads(self.toml), self.name)

    @property
    def activations(self) -> tuple[str, ...]:
        return self.assignment.activations

    @property
    def output(self) -> str:
        return self.assignment.output

    @property
    def loss(self) -> str:
        return self.assignment.loss

    @property
    def constants(self) -> Constants:
        a = self.assignment.activation
        return Constants(a.leaky_relu, a.elu, a.swish, a.celu, a.prelu)

    @property
    def functions(self) -> tuple[str, ...]:
        """The optional functions that the assignment asks for."""
        return tuple(f for f in ("forward", "loss", "step") if getattr(self.assignment.points, f) > 0)


TASKS = (
    Task("default", ""),
    Task("columns", 'convention = "columns"\n'),
    Task("no biases", "biases = false\n"),
    Task("every activation", _ALL),
    Task("activations of no deck", _MORE),
    Task("their odd constants", _MORE + "[activation]\ncelu = 0.1\nprelu = 0.9\n"),
    Task("odd constants", _ALL + "[activation]\nleaky_relu = 0.9\nelu = 100.0\nswish = 100.0\n"),
    Task("logistic outputs", 'output = "sigmoid"\nloss = "binary-cross-entropy"\n'),
    Task("one logistic output", 'output = "sigmoid"\nloss = "binary-cross-entropy"\noutputs = [1, 1]\n'),
    Task("linear outputs", 'output = "identity"\nloss = "squared-error"\noutputs = [1, 4]\n'),
    Task("tanh outputs", 'output = "tanh"\nloss = "squared-error"\nactivations = ["tanh", "sigmoid"]\n'),
    Task("sigmoid outputs", 'output = "sigmoid"\nloss = "squared-error"\nl2 = false\n'),
    Task("relu outputs", 'output = "relu"\nloss = "squared-error"\nactivations = ["relu", "elu"]\n'),
    Task("gelu outputs", 'output = "gelu"\nloss = "squared-error"\nactivations = ["gelu", "softplus", "swish"]\n'),
    Task("asked for all", "[points]\ngradients = 6\nforward = 1\nloss = 2\nstep = 1\n"),
    Task("one unit", "inputs = [1, 1]\nwidths = [1, 1]\nlayers = [1, 4]\n"),
    Task("one layer", "layers = [1, 1]\ninputs = [1, 20]\n"),
    Task("identity alone", 'activations = ["identity"]\nlayers = [2, 5]\n'),
    Task("columns, logistic, no biases",
         'convention = "columns"\noutput = "sigmoid"\nloss = "binary-cross-entropy"\nbiases = false\n'),
    Task("twenty layers", "layers = [20, 20]\nwidths = [2, 6]\n", small=False),
    Task("batch of 256", "batch = [256, 256]\n", small=False),
    Task("float32", 'precision = "float32"\n'),
    Task("batch of 1,024", "batch = [1024, 1024]\nwidths = [1, 4]\ninputs = [1, 4]\n", small=False, heavy=True),
    Task("300 wide", "widths = [300, 300]\n", small=False, heavy=True),
    Task("the deck's own", "layers = [3, 3]\ninputs = [784, 784]\nwidths = [128, 256]\noutputs = [10, 10]\n",
         small=False, heavy=True),
    Task("1,024 wide", "layers = [2, 2]\ninputs = [1024, 1024]\nwidths = [1024, 1024]\noutputs = [10, 10]\n",
         small=False, heavy=True),
    Task("twenty layers of 64", "layers = [20, 20]\ninputs = [64, 64]\nwidths = [64, 64]\noutputs = [10, 10]\n",
         small=False, heavy=True),
)  # fmt: skip
BY_NAME = {task.name: task for task in TASKS}
