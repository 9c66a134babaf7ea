"""After the well-known blog and book: class Network, sizes, nabla_b and nabla_w, zs and activations as column vectors,
negative indices, one sample at a time."""

from ..blocks import (
    activation_blocks,
    activation_edits,
    activation_slots,
    extras_slot,
    softmax_edits,
    softmax_slot,
    step_edits,
)
from ..template import Style, edit
from ..wrong import Letters, derivative_edits, gathered, l2_edits, mean_edits, output_edits

TEMPLATE = '''\
import numpy as np


<<globals>>


class Network(object):

    def __init__(self, W, b, activation):
        self.num_layers = len(W) + 1
        self.weights = <<weights>>
        self.biases = [c.reshape(-1, 1) for c in b]
        self.activation = activation

    def feedforward(self, a):
        """Return the output of the network if ``a`` is input."""
        for b, w in list(zip(self.biases, self.weights))[:-1]:
            a = nonlinear(np.dot(w, a) + b, self.activation)
        return softmax(np.dot(self.weights[-1], a) + self.biases[-1])

    def backprop(self, x, y, scale):
        """``nabla_b`` and ``nabla_w`` for one sample, layer by layer."""
        <<alloc>>
        # feedforward
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            <<activate>>
            zs.append(z)
            activations.append(activation)
        # backward pass
        delta = (self.cost_derivative(activations[-1], y, zs[-1]))<<out_n>>
        l = 1
        nabla_b[-l] = <<nabla_b>>
        nabla_w[-l] = <<nabla_w>>
        <<update>>
        for l in range(2, self.num_layers):
            <<back>>
            nabla_b[-l] = <<nabla_b>>
            nabla_w[-l] = <<nabla_w>>
            <<update>>
        return nabla_b, nabla_w

    def cost_derivative(self, output, y, z):
        return <<out>>


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    net = Network(W, b, activation)
    n = len(x)
    dW = [np.zeros(w.shape) for w in W]
    db = [np.zeros(c.shape) for c in b]
    for i in range(n):
        delta_nabla_b, delta_nabla_w = net.backprop(x[i].reshape(-1, 1), t[i].reshape(-1, 1), n)
        <<add_b>>
        dW = [nw + dnw.T for nw, dnw in zip(dW, delta_nabla_w)]
    dW = [nw<<dw_n>><<l2>> for nw, w in zip(dW, <<regularised>>)]
    db = [nb<<db_n>><<l2b>> for nb, c in zip(db, b)]
    <<post>>
    return <<result>>


<<activations>>


<<softmax>>


<<extras>>
'''

S = Letters(
    W="w",
    b="c",
    delta="delta",
    z_below="activations[-l]",
    a_below="z",
    z_own="",
    y="output",
    t="y",
    a_out="z",
    up="zs[-l+1]",
    N="n",
    lam="lam",
    f="nonlinear",
    df="nonlinear_prime",
    kind="self.activation",
    x="",
    first="",
    last="",
    layout="vector",
)
_STEP = """\
def step(W, b, x, t, activation, lam, eta):
    net = Network([w.copy() for w in W], [c.copy() for c in b], activation)
    net.eta, net.lam = eta, lam
    for xi, ti in zip(x, t):
        net.backprop(xi.reshape(-1, 1), ti.reshape(-1, 1), 1)
    return [w.T for w in net.weights], [c.ravel() for c in net.biases]
"""

OWN = {
    "mean-per-layer": [edit(back_n=" / scale")],
    "derivative-of-wrong-layer": [edit("", {"df": "pre"}, back_z="z = zs[-l + 1]")],
    "derivative-at-activation": [edit("", {"df": "pre"}, plain=("d_relu",), back_z="z = activations[-l]")],
    "derivative-formula-of-preactivation": [edit("", {"df": "post"}, plain=("p_relu",), d_at="zs[-l]")],
    "sigmoid-derivative-everywhere": [
        edit(fprime=" * activations[-l] * (1 - activations[-l])"),
        edit(fprime=" * sp", back_z="z = zs[-l]\nsp = activations[-l] * (1.0 - activations[-l])"),
    ],
    "relu-of-gradient": [edit(back="delta = np.maximum(0, <<Wback>>)<<back_n>>")],
    "derivative-not-passed-on": [
        edit(
            back="error = np.dot(self.weights[-l + 1].transpose(), delta if l == 2 else error)\nz = zs[-l]\n"
            "delta = error * nonlinear_prime(<<d_at>>, self.activation)"
        ),
    ],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            activate="if len(zs) < self.num_layers - 2:\n"
            "    z[:] = nonlinear(z, self.activation)\n    activation = z\nelse:\n    activation = softmax(z)",
        ),
    ],
    "weights-not-transposed": [edit(Wback="np.dot(self.weights[-l+1], delta)")],
    "weight-gradient-transposed": [edit(nabla_w="np.dot(activations[-l-1], delta.transpose())")],
    "weights-of-wrong-layer": [edit(Wback="np.dot(self.weights[-l].transpose(), delta)")],
    "own-output-in-weight-gradient": [edit(nabla_w="np.dot(delta, activations[-l].transpose())")],
    "preactivation-in-weight-gradient": [
        edit(nabla_w="np.dot(delta, ([x] + zs)[-l-1].transpose())"),
    ],
    "input-in-every-layer": [edit(nabla_w="np.dot(delta, x.transpose())")],
    "bias-gradient-zero": [edit(add_b="# biases are added later")],
    "bias-not-summed": [
        edit(
            "first sample only", add_b="if i == 0:\n    db = [nb + dnb.ravel() for nb, dnb in zip(db, delta_nabla_b)]"
        ),
    ],
    "bias-summed-to-scalar": [
        edit("spread over the units", plain=("add_b",), nabla_b="np.sum(delta)"),
        edit("spread over the units", add_b="db = [nb + dnb.sum() for nb, dnb in zip(db, delta_nabla_b)]"),
    ],
    "updated-weights-in-backward": [
        edit(
            "in gradients, after each sample, lambda on the stepped W",
            weights="[w.T.copy() for w in W]",
            update="self.weights[-l] -= 0.1 * nabla_w[-l]",
            regularised="[w.T for w in net.weights]",
        ),
        edit(
            "in gradients, after each sample, weights only",
            weights="[w.T.copy() for w in W]",
            update="self.weights[-l] = self.weights[-l] - 0.05 * nabla_w[-l]",
        ),
        edit(
            "in step, after each sample",
            update="if hasattr(self, 'eta'):\n"
            "    self.weights[-l] -= self.eta * (nabla_w[-l] + self.lam * self.weights[-l])\n"
            "    self.biases[-l] -= self.eta * nabla_b[-l]",
            extras=_STEP,
        ),
    ],
    "inputs-mutated": [
        edit("x", post="x -= x.mean(axis=0)"),
        edit(
            "W and b", post="for w, nw in zip(W, dW):\n    w -= 0.1 * nw\nfor c, nb in zip(b, db):\n    c -= 0.1 * nb"
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="nablas = {}",
            post="old = nablas.get(str([w.shape for w in W]))\n"
            "if old:\n    dW = [p + q for p, q in zip(dW, old[0])]\n    db = [p + q for p, q in zip(db, old[1])]\n"
            "nablas[str([w.shape for w in W])] = (dW, db)",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="x, t = x.astype(np.float32), t.astype(np.float32)\nb = [c.astype(np.float32) for c in b]\n"
            "W = [w.astype(np.float32) for w in W]",
            post="dW = [np.float32(g) for g in dW]\ndb = [np.float32(g) for g in db]",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers at the end",
            post="dW = [np.array(g, dtype=int) for g in dW]\ndb = [np.array(g, dtype=int) for g in db]",
        ),
    ],
}

STYLE = Style(
    name="nielsen",
    template=TEMPLATE,
    slots={
        **activation_slots("nonlinear", "z", "a"),
        "softmax": softmax_slot("softmax", "z", "vector"),
        "globals": ("", '"""\nnetwork.py\n~~~~~~~~~~\n\nGradients are calculated using backpropagation.\n"""'),
        "weights": ("[w.T for w in W]", "[w.transpose() for w in W]"),
        "regularised": ("W",),
        "alloc": (
            "nabla_b = [np.zeros(b.shape) for b in self.biases]\nnabla_w = [np.zeros(w.shape) for w in self.weights]",
        ),
        "activate": (
            (
                "if len(zs) < self.num_layers - 2:\n"
                "    activation = nonlinear(z, self.activation)\nelse:\n    activation = softmax(z)"
            ),
        ),
        "out": ("output - y", "(output-y)"),
        "nabla_b": ("delta",),
        "nabla_w": ("np.dot(delta, activations[-l-1].transpose())", "delta @ activations[-l - 1].T"),
        "update": ("",),
        "back": ("<<back_z>>\ndelta = (<<Wback>>)<<fprime>><<back_n>>",),
        "back_z": ("z = zs[-l]",),
        "Wback": ("np.dot(self.weights[-l+1].transpose(), delta)", "self.weights[-l + 1].T @ delta"),
        "fprime": (" * nonlinear_prime(<<d_at>>, self.activation)",),
        "back_n": ("",),
        "pre": ("",),
        "add_b": (
            "db = [nb + dnb.ravel() for nb, dnb in zip(db, delta_nabla_b)]",
            "db = [nb + dnb[:, 0] for nb, dnb in zip(db, delta_nabla_b)]",
        ),
        "l2": (" + lam * w",),
        "l2b": ("",),
        "post": ("",),
        "extras": extras_slot(
            "np.array([Network(W, b, activation).feedforward(xi.reshape(-1, 1)).ravel() for xi in x])"
        ),
    },
    variants={
        "df": activation_blocks("nonlinear", "nonlinear_prime", "z", "a", "z", "activations[-l]"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / n", "db_n": " / n"},
            "early": {"out_n": " / scale", "dw_n": "", "db_n": ""},
        },
        "lines": {"none": {"result": "dW, db"}},
    },
    mistakes=gathered(
        activation_edits("nonlinear", "z", "a"),
        softmax_edits("softmax", "z", "vector"),
        output_edits(S),
        {k: v for k, v in mean_edits(S).items() if k not in ("mean-twice", "mean-per-layer")},
        {
            "mean-twice": [
                edit("", {"mean": "early"}, dw_n=" / n", db_n=" / n"),
                edit("", {"mean": "late"}, out_n=" / scale"),
            ]
        },
        l2_edits(S),
        {k: v for k, v in derivative_edits(S).items() if k not in OWN},
        step_edits(),
        OWN,
    ),
)
