"""Training: the buffers' gradients are the slides', the steps are torch's, and a run can be taken up again."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from manual import ACTIVATIONS, PAIRS, activation, pair, training
from manual.training import Trainee
from verify.benchmarks.learning import drift, killed
from verify.benchmarks.tables import Settings
from verify.bounds.budget import bounded_working, budgets, lines_of
from verify.commands import training as command
from verify.commands.training import Stopped, begin, first_weights
from verify.errors import BadInput
from verify.problems.problem import Problem
from verify.problems.train_job import BY, MOST_FACTOR, OPTIMISERS, TrainJob
from verify.witnesses.learners import ByHand, ByTorch, Learner, learner

ROOT = Path(__file__).resolve().parents[2]
SMALL = TrainJob(layers=(784, 6, 10), batch=500, epochs=2, dtype="float64")


def _weights(learner: Learner) -> list[torch.Tensor]:
    W, b = learner.weights()
    return [*W, *b]


@given(
    f=st.sampled_from(ACTIVATIONS), of=st.sampled_from(PAIRS), hidden=st.lists(st.integers(1, 4), max_size=3),
    N=st.integers(1, 6), lam=st.sampled_from([0.0, 0.1]), seed=st.integers(0, 2**31),
    dtype=st.sampled_from([torch.float64, torch.float32]),
)  # fmt: skip
def test_the_buffers_hold_the_slides_gradients(
    f: str, of: tuple[str, str], hidden: list[int], N: int, lam: float, seed: int, dtype: torch.dtype
) -> None:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=rng, dtype=dtype)
    layers = [3, *hidden, 2]
    W, b = [draw(m, k) for m, k in pairwise(layers)], [draw(k) for k in layers[1:]]
    t = torch.eye(2, dtype=dtype)[torch.randint(0, 2, (N,), generator=rng)]
    p = Problem(tuple(W), tuple(b), draw(N, 3), t, f, *of, lam)
    net = Trainee(W, b, activation(f), pair(*of), lam)
    for _ in range(2):  # the second time on buffers that are not fresh
        net.backward(p.x, p.t)
    exact, allowed = lines_of(bounded_working(p)), budgets(p)
    for l in range(1, net.L + 1):
        for name, mine in ((f"dW{l}", net.dW[l]), (f"db{l}", net.db[l])):
            # The mean is taken on δ, and f′ from z: two roundings more on every entry.
            extra = 8 * torch.finfo(dtype).eps * exact[name].value.abs()
            assert bool(((mine.double() - exact[name].value).abs() <= 2 * allowed[name] + extra).all()), name


def test_a_slope_that_is_wrong_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(d: torch.Tensor, z: torch.Tensor, room: torch.Tensor) -> None:
        d.mul_(1 - z)

    monkeypatch.setitem(training._BY_OUTPUT, "tanh", (training._BY_OUTPUT["tanh"][0], wrong))
    job = msgspec.structs.replace(SMALL, activation="tanh", check_every=1)
    with pytest.raises(Stopped, match=r"dW1 disagrees with autograd in epoch 1, step 1: entry \d+ is off by"):
        begin(job, None, resume=False).run(lambda epoch: None)


@pytest.mark.parametrize("optimiser", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("f", ["relu", "tanh"])
def test_by_hand_and_by_torch_take_the_same_steps(f: str, optimiser: str) -> None:
    """Every step from the same weights, memory and batch: 20 of them, torch taken back to ours after each."""
    job = msgspec.structs.replace(SMALL, activation=f, optimiser=optimiser, batch=50, lam=0.01)
    run = begin(job, None, resume=False)
    hand, reference = run.net, ByTorch(job, *first_weights(job))
    assert isinstance(hand, ByHand)
    x, t = run.part.x[:1000], run.part.t[:1000]
    order = torch.arange(1000)
    u = 2.0**-53
    for one, other in zip(hand.steps(x, t, order, 0.01), reference.steps(x, t, order, 0.01), strict=True):
        assert torch.equal(one, other)
        g, h = hand.gradients(), reference.gradients()
        for name, mine in g.items():
            assert bool(((mine - h[name]).abs() <= 1e4 * u * (mine.abs().max() + h[name].abs().max())).all())
    # Twenty steps, none of which moves a weight by more than 1: what they differ by stays far below one step.
    for mine, theirs in zip(_weights(hand), _weights(reference), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("by", ["manual", "torch"])
def test_gradient_descent_takes_all_images_at_once(by: str) -> None:
    job = msgspec.structs.replace(SMALL, by=by, optimiser="gd", batch=0, lr=0.3, epochs=1)
    job.check()
    run = begin(job, None, resume=False)
    order = torch.arange(len(run.part.x))
    assert [len(rows) for rows in run.net.steps(run.part.x, run.part.t, order, 0.3)] == [5000]


def test_the_deck_schedule() -> None:
    job = msgspec.structs.replace(SMALL, schedule="deck", lr=0.1, epochs=100)
    assert [job.eta(e) for e in (1, 50, 51, 100)] == [0.1, 0.1, 0.01, 0.01]


@pytest.mark.parametrize("by", ["manual", "torch"])
@pytest.mark.parametrize("optimiser", ["momentum", "adam"])
def test_a_run_that_is_taken_up_again_ends_with_the_same_bytes(tmp_path: Path, by: str, optimiser: str) -> None:
    job = msgspec.structs.replace(SMALL, by=by, optimiser=optimiser, epochs=4)
    whole = begin(job, None, resume=False)
    whole.run(lambda epoch: None)
    state = tmp_path / "state"
    for epochs in (1, 3, 4):
        part = begin(msgspec.structs.replace(job, epochs=epochs), state, resume=epochs > 1)
        part.run(lambda epoch: None)
        assert part.done == epochs
    for mine, theirs in zip(_weights(part.net), _weights(whole.net), strict=True):
        assert mine.numpy().tobytes() == theirs.numpy().tobytes()
    assert [e.loss for e in part.history] == [e.loss for e in whole.history]


def test_killed_twice_and_taken_up_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is killed once it has kept an epoch; the same command with --resume ends with the same bytes."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    kept, same = killed(tmp_path, 2, "manual", "adam", Settings())
    assert same
    assert 0 < kept[0] < kept[1] < 40


def test_two_free_runs_drift_apart_by_roundings_alone() -> None:
    for dtype, limit in (("float64", 1e-13), ("float32", 1e-4)):
        apart = drift(msgspec.structs.replace(SMALL, optimiser="sgd", lr=0.1, batch=100, dtype=dtype), (1, 20))
        assert set(apart) == {1, 20}
        assert 0 < apart[1] < limit
        assert apart[20] < limit


def test_divergence_says_where_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    job = msgspec.structs.replace(SMALL, optimiser="sgd", lr=1e5, output="identity", loss="squared-error", epochs=5)
    state = tmp_path / "state"
    run = begin(job, state, resume=False)
    before = [w.clone() for w in _weights(run.net)]
    with pytest.raises(Stopped, match=r"diverged in epoch \d, (at step \d+, where d[Wb]\d is|after its last)"):
        run.run(lambda epoch: None)
    if run.done == 0:
        assert all(torch.equal(a, b) for a, b in zip(before, _weights(run.net), strict=True))
    assert all(bool(torch.isfinite(w).all()) for w in _weights(run.net))


def test_a_check_does_not_take_divergence_for_a_wrong_gradient() -> None:
    job = msgspec.structs.replace(SMALL, optimiser="sgd", lr=1e30, check_every=1, dtype="float32")
    with pytest.raises(Stopped, match="the training diverged in epoch 1"):
        begin(job, None, resume=False).run(lambda epoch: None)


def test_it_learns() -> None:
    run = begin(
        msgspec.structs.replace(SMALL, layers=(784, 10, 10), batch=100, lr=0.01, dtype="float32"), None, resume=False
    )
    run.run(lambda epoch: None)
    assert run.history[-1].loss < run.history[0].loss
    assert run.history[-1].test_accuracy > 0.65


BAD = [
    ({"by": "keras"}, "by 'keras' is not known; allowed are manual, torch"),
    ({"optimiser": "rmsprop"}, "optimiser 'rmsprop' is not known"),
    ({"schedule": "cosine"}, "schedule 'cosine' is not known"),
    ({"initialisation": "lecun"}, "initialisation 'lecun' is not known"),
    ({"epochs": -1}, "epochs -1"),
    ({"batch": -5}, "batch -5"),
    ({"optimiser": "gd"}, "batch 500 with optimiser gd"),
    ({"lr": 0.0}, "lr 0.0"),
    ({"lr": float("nan")}, "lr nan"),
    ({"check_every": -1}, "check -1"),
    ({"lam": 1e300, "dtype": "float32"}, "lam 1e+300 in float32: allowed is at most 1e+30"),
    ({"lr": 1e38, "dtype": "float32"}, "lr 1e+38 in float32"),
    ({"lr": 1e305, "dtype": "float64"}, "lr 1e+305 in float64"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "said"), BAD, ids=lambda v: str(v)[:30])
def test_bad_input_says_the_value_and_what_is_allowed(change: dict, said: str) -> None:
    with pytest.raises(BadInput, match="allowed") as error:
        msgspec.structs.replace(SMALL, **change).check()
    assert said in str(error.value)


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("optimiser", OPTIMISERS)
@pytest.mark.parametrize(("dtype", "most"), MOST_FACTOR.items())
@pytest.mark.parametrize("name", ["lam", "lr"])
def test_the_largest_factors_are_numbers_of_the_dtype(
    by: str, optimiser: str, dtype: str, most: float, name: str
) -> None:
    job = TrainJob(layers=(3, 4, 2), batch=0, by=by, optimiser=optimiser, dtype=dtype)
    job = msgspec.structs.replace(job, **{name: most})
    job.check()
    x, t = torch.ones(2, 3, dtype=getattr(torch, dtype)), torch.eye(2, dtype=getattr(torch, dtype))
    net = learner(job, *first_weights(job))
    for _ in range(2):
        assert len([*net.steps(x, t, torch.arange(2), job.eta(1))]) == 1
    assert isinstance(net.error(x, t), float)


def test_images_that_do_not_fit_are_said() -> None:
    with pytest.raises(BadInput, match="allowed are layers that begin with 784 and end with 10"):
        begin(msgspec.structs.replace(SMALL, layers=(783, 10)), None, resume=False)


def test_a_file_that_is_no_state_and_a_job_that_is_another_are_said(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with pytest.raises(BadInput, match="there is no file"):
        begin(SMALL, state, resume=True)
    with pytest.raises(BadInput, match="is no file that can be replaced"):
        begin(SMALL, tmp_path, resume=False)
    state.write_bytes(b"nothing of the kind")
    with pytest.raises(BadInput, match="holds no training"):
        begin(SMALL, state, resume=True)
    begin(SMALL, state, resume=False).run(lambda epoch: None)
    with pytest.raises(BadInput, match=r"was begun with lr 0.001, not 0.5"):
        begin(msgspec.structs.replace(SMALL, lr=0.5), state, resume=True)
    with pytest.raises(BadInput, match=r"was begun with epochs 2, not 1"):
        begin(msgspec.structs.replace(SMALL, epochs=1), state, resume=True)


def test_a_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command.os, "fsync", full)
    with pytest.raises(BadInput, match="cannot be written"):
        begin(SMALL, tmp_path / "state", resume=False).run(lambda epoch: None)


def test_the_history_becomes_a_picture_and_a_format_that_is_none_is_said_before_the_work(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "scripts/train.py", "--layers", "784,4,10"]
    drawn = tmp_path / "history.png"
    done = subprocess.run(
        [*command, "--epochs", "1", "--picture", str(drawn)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert drawn.read_bytes()[:4] == b"\x89PNG"
    refused = subprocess.run(
        [*command, "--picture", str(tmp_path / "x.xyz")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "allowed are names that end in .png, .svg or .pdf" in refused.stderr
