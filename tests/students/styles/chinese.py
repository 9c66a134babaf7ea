"""After deck 000, names and comments in Chinese, one class with 前向 and 反向."""

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
from ..wrong import (
    Letters,
    bias_edits,
    derivative_edits,
    gathered,
    l2_edits,
    mean_edits,
    output_edits,
    upstream_edits,
)

TEMPLATE = '''\
# -*- coding: utf-8 -*-
"""手写字符识别: 误差反向传播"""
import numpy as np


<<activations>>


<<softmax>>


<<globals>>


class 神经网络:
    def __init__(self, W, b, 激活函数, lam=0.0):
        self.层数 = len(W)
        self.W = {i + 1: w for i, w in enumerate(W)}
        self.b = {i + 1: c for i, c in enumerate(b)}
        self.激活函数 = 激活函数
        self.lam = lam
        <<init>>

    def 前向(self, x):
        self.z = {0: x}
        self.a = {}
        for i in range(1, self.层数 + 1):
            self.a[i] = np.dot(self.z[i - 1], self.W[i]) + self.b[i]
            if i == self.层数:
                self.z[i] = softmax(self.a[i])  # 输出层
            else:
                <<activate>>
        return self.z[self.层数]

    def 反向(self, t):
        N = t.shape[0]
        y = self.z[self.层数]
        self.dW, self.db, self.delta = {}, {}, {}
        # 求出输出层的 delta
        delta = (<<out>>)<<out_n>>
        for i in range(self.层数, 0, -1):
            self.delta[i] = delta
            # 对 W, b 求导
            <<store>>
            <<update>>
            if i == 1:
                break
            # 求出前一层的 delta
            <<back>>


def gradients(W, b, x, t, activation, lam):
    <<pre>>
    网络 = 神经网络(W, b, activation, lam)
    <<call_forward>>
    网络.反向(t)
    层 = range(1, len(W) + 1)
    <<post>>
    return <<result>>


<<extras>>
'''

S = Letters(
    W="self.W[i]",
    b="self.b[i]",
    delta="delta",
    z_below="self.z[i - 1]",
    a_below="self.a[i - 1]",
    z_own="self.z[i]",
    y="y",
    t="t",
    a_out="self.a[self.层数]",
    up="self.a[i]",
    N="N",
    lam="self.lam",
    f="激活",
    df="激活导数",
    kind="self.激活函数",
    x="self.z[0]",
    first="i == 1",
    last="i == self.层数",
)

OWN = {
    "derivative-not-passed-on": [
        edit(
            back="误差 = np.dot(误差 if i < self.层数 else delta, self.W[i].T)\n"
            "delta = 误差 * 激活导数(<<d_at>>, self.激活函数)"
        ),
    ],
    "relu-of-gradient": [edit(back="delta = 激活(<<Wback>>, 'relu')<<back_n>>")],
    "cache-overwritten": [
        edit(
            "in place",
            {"df": "pre"},
            plain=("d_relu",),
            activate="self.z[i] = self.a[i]\nself.z[i][:] = 激活(self.a[i], self.激活函数)",
        ),
    ],
    "weights-not-transposed": [edit(Wback="np.dot(delta, self.W[i])")],
    "weight-gradient-transposed": [edit(dW="np.dot(delta.T, <<zprev>>)<<dw_n>><<l2>>")],
    "weights-of-wrong-layer": [edit(Wback="np.dot(delta, self.W[i - 1].T)")],
    "updated-weights-in-backward": [
        edit(
            "in gradients, once a batch",
            update="# 调整 W 和 b\nself.W[i] = self.W[i] - 0.1 * self.dW[i]\nself.b[i] = self.b[i] - 0.1 * self.db[i]",
        ),
        edit(
            "in step, once a batch",
            init="self.学习率 = 0",
            update="if self.学习率:\n"
            "    self.W[i] = self.W[i] - self.学习率 * self.dW[i]\n"
            "    self.b[i] = self.b[i] - self.学习率 * self.db[i]",
            extras="""\
def step(W, b, x, t, activation, lam, eta):
    网络 = 神经网络(W, b, activation, lam)
    网络.学习率 = eta
    网络.前向(x)
    网络.反向(t)
    return [网络.W[i + 1] for i in range(len(W))], [网络.b[i + 1] for i in range(len(b))]
""",
        ),
    ],
    "inputs-mutated": [
        edit("t", {"mean": "late"}, out="np.multiply(t, -1, out=t) + y"),
        edit("the lists of W and b", pre="W.insert(0, 0)  # 下标从 1 开始\nb.insert(0, 0)\nW, b = W[1:], b[1:]"),
    ],
    "cache-stale": [
        edit(
            "by shapes",
            globals="上次 = {}",
            call_forward="键 = (activation, x.shape, *[w.shape for w in W])\n"
            "if 键 not in 上次:\n    网络.前向(x)\n    上次[键] = 网络.z, 网络.a\n网络.z, 网络.a = 上次[键]",
        ),
    ],
    "gradients-accumulated": [
        edit(
            "while the shapes stay",
            globals="累加 = {}",
            post="键 = tuple(w.shape for w in W)\nif 键 in 累加:\n"
            "    for i in 层:\n        网络.dW[i] = 网络.dW[i] + 累加[键][0][i]\n"
            "        网络.db[i] = 网络.db[i] + 累加[键][1][i]\n"
            "累加[键] = 网络.dW, 网络.db",
        ),
    ],
    "precision-float32": [
        edit(
            "all of it",
            pre="W = [np.array(w, np.float32) for w in W]\nb = [np.array(c, np.float32) for c in b]\n"
            "x = np.array(x, np.float32)\nt = np.array(t, np.float32)",
        ),
    ],
    "integer-arrays": [
        edit(
            "integer buffers",
            store="self.dW[i] = np.zeros(self.W[i].shape, dtype=int)\n"
            "self.db[i] = np.zeros(self.b[i].shape, dtype=int)\n"
            "self.dW[i][:] = <<dW>>\nself.db[i][:] = <<db>>",
        ),
    ],
}

STYLE = Style(
    name="chinese",
    template=TEMPLATE,
    slots={
        **activation_slots("激活", "a", "z"),
        "softmax": softmax_slot("softmax", "a", "rows"),
        "globals": ("",),
        "init": ("",),
        "activate": ("self.z[i] = 激活(self.a[i], self.激活函数)",),
        "out": ("y - t", "- (t - y)"),
        "store": ("self.dW[i] = <<dW>>\nself.db[i] = <<db>>",),
        "dW": ("np.dot(<<zprev>>.T, delta)<<dw_n>><<l2>>",),
        "zprev": ("self.z[i - 1]",),
        "l2": (" + self.lam * self.W[i]",),
        "db": ("np.sum(delta, axis=0)<<db_n>><<l2b>>", "delta.sum(axis=0)<<db_n>><<l2b>>"),
        "l2b": ("",),
        "update": ("",),
        "back": ("delta = (<<Wback>>)<<fprime>><<back_n>>",),
        "Wback": ("np.dot(delta, self.W[i].T)", "delta.dot(self.W[i].T)"),
        "fprime": (" * 激活导数(<<d_at>>, self.激活函数)",),
        "back_n": ("",),
        "pre": ("", "x = np.array(x, dtype=float)  # 保证是浮点数"),
        "call_forward": ("网络.前向(x)",),
        "post": ("",),
        "extras": extras_slot("神经网络(W, b, activation).前向(x)"),
    },
    variants={
        "df": activation_blocks("激活", "激活导数", "a", "z", "self.a[i - 1]", "self.z[i - 1]"),
        "mean": {
            "late": {"out_n": "", "dw_n": " / N", "db_n": " / N"},
            "early": {"out_n": " / N", "dw_n": "", "db_n": ""},
        },
        "lines": {
            "none": {"result": "[网络.dW[i] for i in 层], [网络.db[i] for i in 层]"},
            "all": {
                "result": "[网络.dW[i] for i in 层], [网络.db[i] for i in 层], {**{f'a{i}': 网络.a[i] for i in 层}, "
                "**{f'delta{i}': 网络.delta[i] for i in 层}}"
            },
        },
    },
    mistakes=gathered(
        activation_edits("激活", "a", "z"),
        softmax_edits("softmax", "a", "rows"),
        output_edits(S),
        mean_edits(S),
        l2_edits(S),
        bias_edits(S),
        derivative_edits(S),
        upstream_edits(S),
        step_edits(),
        OWN,
    ),
    clashes=(("mean=early", "lines=all"),),
)
