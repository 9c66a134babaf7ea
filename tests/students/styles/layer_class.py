"""A class for each kind of layer, with forward and backward, and a network that strings them together."""

from ..blocks import activation_edits, activation_slots, extras_slot, softmax_edits, softmax_slot, step_edits
from ..template import Style, edit
from ..wrong import Letters, bias_edits, gathered, l2_edits, mean_edits, output_edits

TEMPLATE = '''\
import numpy as np


<<softmax>>


<<globals>>


class Dense:
    def __init__(self, W, b, lam):
        self.W = <<own_W>>
        self.b = b
        self.lam = lam
        <<alloc>>

    def forward(self, z):
        self.z_in = z
        self.a = z @ self.W + self.b
        return self.a

    def backward(self, delta):
        """delta: dE/da of this layer; returns dE/dz of the layer below."""
        self.delta = delta
        N = len(delta)
        <<store>>
        <<update>>
        return (<<Wback>>)<<back_n>>


class Activation:
    """f and its derivative, chosen by name."""

    def __init__(self, kind):
        self.kind = kind

    def f(self, a):
        kind = self.kind
        if kind == "relu":
            return np.maximum(a, 0)
        if kind == "tanh":
            return np.tanh(a)
        return 1.0 / (1.0 + np.exp(-a))

    def derivative(self, <<v>>):
        kind = self.kind
        f = lambda a, kind: self.f(a)
        if kind == "relu":
            return <<relu>>
        if kind == "tanh":
            return <<tanh>>
        return <<sigmoid>>

    def forward(self, a):
        <<activate>>
        return self.z

    def backward(self, grad):
        return <<passed>>


class SoftmaxWithCrossEntropy:
    def forward(self, a):
        self.a = a
        self.y = softmax(a)
        return self.y

    def backward(self, t):
        y, N = self.y, len(t)
        return (<<out>>)<<out_n>>


class Network:
    def __init__(self, W, b, activation, lam):
        self.layers = []
        for i in range(len(W)):
            self.layers.append(Dense(W[i], b[i], <<layer_lam>>))
            if i < len(W) - 1:
                self.layers.append(Activation(activation))
        self.head = SoftmaxWithCrossEntropy()
        self.y = None

    def predict(self, x):
        <<predict>>
        return self.y

    def backward(self, t):
        grad = self.head.backward(t)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)

    @property
    def dense(self):
        return [layer for layer in self.layers if isinstance(layer, Dense)]


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    <<network>>
    net.predict(x)
    net.backward(t)
    <<post>>
    return <<result>>


<<extras>>
'''

S = Letters(
    W="self.W",
    b="self.b",
    delta="delta",
    z_below="self.z",
    a_below="self.a",
    z_own="",
    y="y",
    t="t",
    a_out="self.a",
    up="",
    N="N",
    lam="self.lam",
    f="",
    df="self.derivative",
    kind="",
    x="",
    first="",
    last="",
)

_NETS = """\
nets = {}


def network_for(W, b, shape, activation, lam):
    # build it once, then only put the new weights in
    key = (shape, activation, lam, *[w.shape for w in W])
    if key not in nets:
        nets[key] = Network(W, b, activation, lam)
    for layer, weight, bias in zip(nets[key].dense, W, b):
        layer.W, layer.b = weight, bias
    return nets[key]"""
_KEPT = "net = network_for(W, b, x.shape, activation, lam)"
_PRE, _POST = {"df": "pre"}, {"df": "post"}
OWN = {
    "derivative-missing": [edit(passed="grad  # linear")],
    "derivative-at-activation": [edit("", _PRE, plain=("d_relu",), d_at="self.z")],
    "derivative-formula-of-preactivation": [edit("", _POST, plain=("p_relu",), d_at="self.a")],
    "activation-for-derivative": [edit(passed="grad * self.z"), edit(passed="grad * self.f(self.a)")],
    "derivative-twice": [edit(passed="grad * self.derivative(<<d_at>>) ** 2")],
    "sigmoid-derivative-everywhere": [edit(passed="grad * self.z * (1.0 - self.z)")],
    "relu-of-gradient": [edit(passed="np.maximum(grad, 0)")],
    "cache-overwritten": [
        edit("in place", _PRE, plain=("d_relu",), activate="a[...] = self.f(a)\nself.a = self.z = a")
    ],
    "weights-not-transposed": [edit(Wback="delta @ self.W")],
    "weight-gradient-transposed": [edit(dW="delta.T @ self.z_in<<dw_n>><<l2>>")],
    "l2-some-layers": [
        edit("last layer only", layer_lam="lam if i == len(W) - 1 else 0.0"),
        edit("first layer only", layer_lam="lam * (i == 0)"),
    ],
    "updated-weights-in-backward": [
        edit("in gradients, once a batch", update="self.W = self.W - 0.1 * self.dW\nself.b = self.b - 0.1 * self.db"),
        edit(
            "in step, once a batch",
            update="if self.eta:\n    self.W = self.W - self.eta * self.dW\n    self.b = self.b - self.eta * self.db",
            alloc="self.eta = None",
            extras="""\
def step(W, b, x, t, activation, lam, eta):
    net = Network(W, b, activation, lam)
    for layer in net.dense:
        layer.eta = eta
    net.predict(x)
    net.backward(t)
    return [layer.W for layer in net.dense], [layer.b for layer in net.dense]
""",
        ),
    ],
    "inputs-mutated": [
        edit(
            "W",
            own_W="W",
            store="grad_in = delta @ self.W.T\nself.db = <<db>>\nself.dW = self.W\n"
            "self.dW *= self.lam\nself.dW += self.z_in.T @ delta<<dw_n>>",
            Wback="grad_in",
        ),
    ],
    "cache-stale": [
        edit(
            "while the network stays",
            globals=_NETS,
            network=_KEPT,
            predict="if self.y is None:\n    for layer in self.layers:\n        x = layer.forward(x)\n"
            "    self.y = self.head.forward(x)",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the network stays",
            alloc="self.dW, self.db = np.zeros_like(W), np.zeros_like(b)",
            store="self.dW = self.dW + (<<dW>>)\nself.db = self.db + (<<db>>)",
            globals=_NETS,
            network=_KEPT,
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            own_W="W.astype(np.float32)",
            pre="x = x.astype(np.float32)\nt = t.astype(np.float32)\nb = [c.astype(np.float32) for c in b]",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            alloc="self.dW = np.zeros(W.shape, int)\nself.db = np.zeros(b.shape, int)",
            store="self.dW[:, :] = <<dW>>\nself.db[:] = <<db>>",
        ),
    ],
}

STYLE = Style(
    name="layer-class",
    template=TEMPLATE,
    slots={
        **activation_slots("f", "a", "z"),
        "layer_lam": ("lam",),
        "predict": ("for layer in self.layers:\n    x = layer.forward(x)\nself.y = self.head.forward(x)",),
        "softmax": softmax_slot("softmax", "a", "rows"),
        "globals": ("",),
        "own_W": ("W", "np.array(W)"),
        "alloc": ("", "self.dW = None\nself.db = None"),
        "store": ("self.dW = <<dW>>\nself.db = <<db>>",),
        "dW": ("self.z_in.T @ delta<<dw_n>><<l2>>", "np.matmul(self.z_in.T, delta)<<dw_n>><<l2>>"),
        "l2": (" + self.lam * self.W",),
        "db": ("delta.sum(axis=0)<<db_n>><<l2b>>", "np.sum(delta, axis=0)<<db_n>><<l2b>>"),
        "l2b": ("",),
        "update": ("",),
        "Wback": ("delta @ self.W.T", "np.dot(delta, self.W.T)", "np.matmul(delta, np.transpose(self.W))"),
        "back_n": ("",),
        "passed": ("grad * self.derivative(<<d_at>>)", "np.multiply(grad, self.derivative(<<d_at>>))"),
        "activate": ("self.a = a\nself.z = self.f(a)",),
        "out": ("y - t", "np.subtract(y, t)"),
        "pre": ("", "x = np.atleast_2d(x)"),
        "network": ("net = Network(W, b, activation, lam)",),
        "post": ("", "# 梯度存放在各层里"),
        "extras": extras_slot("Network(W, b, activation, 0.0).predict(x)"),
    },
    variants={
        "df": {
            "pre": {"v": "a", "d_at": "self.a", "relu": "<<d_relu>>", "tanh": "<<d_tanh>>", "sigmoid": "<<d_sigmoid>>"},
            "post": {
                "v": "z",
                "d_at": "self.z",
                "relu": "<<p_relu>>",
                "tanh": "<<p_tanh>>",
                "sigmoid": "<<p_sigmoid>>",
            },
        },
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "[d.dW for d in net.dense], [d.db for d in net.dense]"},
            "none-tuple": {"result": "tuple(d.dW for d in net.dense), tuple(d.db for d in net.dense)"},
            "all": {
                "result": "[d.dW for d in net.dense], [d.db for d in net.dense], "
                "{f'delta{i}': d.delta for i, d in enumerate(net.dense, 1)}"
            },
        },
    },
    mistakes=gathered(
        activation_edits("f", "a", "z"),
        softmax_edits("softmax", "a", "rows"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        bias_edits(S),
        step_edits(),
        OWN,
    ),
    clashes=(("mean=early", "lines=all"),),
)
