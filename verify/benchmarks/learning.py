"""Training by hand: what the slides' networks reach, an epoch's time beside torch's, how two free runs drift apart, and
a run that is killed and taken up again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import torch
from torch import Tensor

from verify.benchmarks.tables import Settings, Table, at_least, at_most, none_of, number
from verify.benchmarks.timing import median_ratio
from verify.commands.training import begin, first_weights, order_of
from verify.problems.train_job import TrainJob
from verify.witnesses.learners import Learner, learner

_ROOT = Path(__file__).resolve().parents[2]

# Deck 000's network and schedule (η a tenth in the second half); λ and the widths are ours, as it prints none.
DECK_000 = TrainJob(
    data="mnist", layers=(784, 256, 128, 10), lam=0.001, lr=0.1, optimiser="sgd", schedule="deck", batch=32, epochs=100
)
# Deck 002's exercise, [784, 28, 10], by Adam.
DECK_002 = TrainJob(lam=0.0003, lr=0.002, epochs=100)
_ENOUGH = 0.95  # of the training part, in DECK_002's goal


# What is learnt ------------------------------------------------------------------------------------------------------


def learned_table(settings: Settings) -> Table:
    """Both networks over five seeds: the test part at the end, or where enough of the training part is right."""
    seeds = 1 if settings.quick else 5
    columns = ("network", "seed", "epoch", "training part", "test part")
    rows, record, goals = [], [], []
    for name, job, goal in (("deck 000, MNIST", DECK_000, 0.935), ("deck 002, Fashion-MNIST", DECK_002, 0.835)):
        found = []
        for seed in range(settings.seed, settings.seed + seeds):
            settings.progress(f"{name}, seed {seed}")
            job_ = msgspec.structs.replace(job, seed=seed, epochs=2 if settings.quick else job.epochs)
            epoch = _trained(job_, None if job is DECK_000 else _ENOUGH)
            rows.append(
                (name, str(seed), str(epoch.epoch), number(epoch.train_accuracy, 4), f"{epoch.test_accuracy:.4f}")
            )
            found.append(epoch)
        tests = [e.test_accuracy for e in found]
        record.append({"name": name, "job": msgspec.to_builtins(job), "epochs": msgspec.to_builtins(found)})
        spread = f"{min(tests):.3f} to {max(tests):.3f}"
        goals.append(at_least(f"{name}: test part, median of {seeds} seeds ({spread})", goal, statistics.median(tests)))
        if job is DECK_002:
            least = min(e.train_accuracy for e in found)
            goals.append(at_least(f"{name}: training part within {job.epochs} epochs, smallest", _ENOUGH, least))
    return Table("learned", "What the networks learn by hand", columns, rows, [], {"networks": record}, goals)


def _trained(job: TrainJob, enough: float | None) -> Any:
    """The last epoch, or the first in which enough of the training part is right."""
    training = begin(job, None, resume=False)
    while training.done < job.epochs:
        epoch = training.epoch()
        if enough is not None and epoch.train_accuracy >= enough:
            return epoch
    return training.history[-1]


# An epoch's time -----------------------------------------------------------------------------------------------------


def epoch_table(settings: Settings) -> Table:
    """An epoch by hand and by torch.nn with torch.optim, in turns; the same batches, and the same L2 in the step."""
    repetitions = 3 if settings.quick else 25
    rows, record, goals = [], [], []
    for activation, limit in (("relu", 0.9), ("tanh", 1.0)):
        job = TrainJob(activation=activation)
        wall, processor = _epochs(job, repetitions)
        ratio, spent = (median_ratio(times["manual"], times["torch"]) for times in (wall, processor))
        middle = [1e3 * statistics.median(times[by]) for times in (wall, processor) for by in ("manual", "torch")]
        rows.append((activation, *(number(v, 3) for v in middle), number(ratio, 3), number(spent, 3)))
        record.append({"activation": activation, "wall": wall, "processor": processor, "ratio": ratio, "spent": spent})
        goals.append(at_most(f"an epoch by hand over torch.nn's, {activation}", limit, ratio))
    columns = (
        "",
        "by hand, ms",
        "torch.nn, ms",
        "by hand, ms of processor",
        "torch.nn",
        "median ratio",
        "of processor",
    )
    notes = [f"[784, 28, 10], Adam, batches of 100 of 5,000 images, float32, {repetitions} pairs in turns, one thread."]
    return Table("epoch", "An epoch of training", columns, rows, notes, {"epochs": record}, goals)


def _epochs(job: TrainJob, repetitions: int) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of an epoch by the clock and of the processor, for both, in turns."""
    part = begin(job, None, resume=False).part
    nets = {by: learner(msgspec.structs.replace(job, by=by), *first_weights(job)) for by in ("manual", "torch")}
    wall: dict[str, list[float]] = {by: [] for by in nets}
    processor: dict[str, list[float]] = {by: [] for by in nets}
    with _one_thread():
        for epoch in range(repetitions + 1):
            order = order_of(job, epoch, len(part.x))
            for by, net in sorted(nets.items(), reverse=bool(epoch % 2)):
                clock, spent = time.perf_counter(), time.process_time()
                for _ in net.steps(part.x, part.t, order, job.lr):
                    pass
                if epoch:  # the first is to warm up
                    wall[by].append(time.perf_counter() - clock)
                    processor[by].append(time.process_time() - spent)
    return wall, processor


# Drift ---------------------------------------------------------------------------------------------------------------

_MARKS = (1, 10, 100, 1000)


def drift_table(settings: Settings) -> Table:
    """Two free runs from the same weights on the same batches, by hand and by torch: how far the weights come apart."""
    rows, record = [], []
    for optimiser, eta in (("sgd", 0.1), ("momentum", 0.01), ("adam", 0.001)):
        for dtype in ("float64", "float32"):
            settings.progress(f"drift, {optimiser}, {dtype}")
            job = TrainJob(optimiser=optimiser, lr=eta, dtype=dtype, seed=settings.seed)
            found = drift(job, _MARKS[:3] if settings.quick else _MARKS)
            rows.append((f"{optimiser}, {dtype}", *(number(v) for v in found.values())))
            record.append({"optimiser": optimiser, "dtype": dtype, "apart": found})
    notes = ["[784, 28, 10], ReLU, batches of 100. The largest difference of two weights over the largest weight."]
    steps = _MARKS[:3] if settings.quick else _MARKS
    columns = ("", *(f"after {n:,} step{'s' if n > 1 else ''}" for n in steps))
    return Table("drift", "How two free runs drift apart, by hand and by torch", columns, rows, notes, {"runs": record})


def drift(job: TrainJob, marks: tuple[int, ...]) -> dict[int, float]:
    """Steps -> the largest difference of two weights over the largest weight, where neither run is set back."""
    part = begin(job, None, resume=False).part
    hand, other = (learner(msgspec.structs.replace(job, by=by), *first_weights(job)) for by in ("manual", "torch"))
    found = {}
    pairs = zip(_steps(job, hand, part), _steps(job, other, part), strict=True)
    for done, (one, two) in enumerate(pairs):
        assert torch.equal(one, two)
        if done in marks:  # the step of the batch before is taken
            found[done] = _apart(hand, other)
        if done == marks[-1]:
            break
    return found


def _steps(job: TrainJob, net: Learner, part: Any) -> Iterator[Tensor]:
    for epoch in range(1, 1_000_000):
        yield from net.steps(part.x, part.t, order_of(job, epoch, len(part.x)), job.eta(1))


def _apart(one: Learner, two: Learner) -> float:
    flat = lambda net: torch.cat([v.detach().double().reshape(-1) for held in net.weights() for v in held])
    mine, theirs = flat(one), flat(two)
    return float((mine - theirs).abs().max() / theirs.abs().max())


# Killed and taken up again -------------------------------------------------------------------------------------------


def resumed_table(settings: Settings) -> Table:
    """scripts/train.py killed with SIGKILL at random moments and taken up again, beside a run that nothing disturbs."""
    kills = 2 if settings.quick else 10
    rows, different = [], 0
    for by, optimiser in (("manual", "adam"),) if settings.quick else (("manual", "adam"), ("torch", "momentum")):
        with TemporaryDirectory(prefix="benchmark-") as folder:
            epochs, same = killed(Path(folder), kills, by, optimiser, settings)
        different += not same
        rows.append((f"{by}, {optimiser}", str(kills), ", ".join(map(str, epochs)), "yes" if same else "no"))
    return Table(
        "resumed", "Training killed with SIGKILL and taken up again",
        ("run", "kills", "epochs that were kept at each", "same bytes"), rows,
        goals=[none_of(f"runs killed {kills} times whose weights differ in a byte", different)],
    )  # fmt: skip


def killed(folder: Path, kills: int, by: str, optimiser: str, settings: Settings) -> tuple[list[int], bool]:
    """The epochs that were kept at each kill, and whether the run ends with the bytes of an undisturbed one."""
    job = TrainJob(layers=(784, 12, 10), by=by, optimiser=optimiser, epochs=20 * kills)
    state, rng = folder / "state", random.Random(settings.seed)
    options = ["--layers", "784,12,10", "--by", by, "--optimiser", optimiser, "--epochs", str(job.epochs)]
    command = [sys.executable, "scripts/train.py", *options, "--state", str(state)]
    kept: list[int] = []
    while len(kept) < kills and (not kept or kept[-1] < job.epochs):
        settings.progress(f"kill {len(kept) + 1} of {kills}")
        _kill([*command, *(["--resume"] if state.exists() else [])], state, rng)
        kept.append(len(_state(state)["history"]))
    subprocess.run([*command, "--resume"], cwd=_ROOT, env=_environment(), stdout=subprocess.DEVNULL, check=True)
    whole = folder / "undisturbed"
    with _one_thread():
        begin(job, whole, resume=False).run(lambda epoch: None)
    return kept, kept[-1] < job.epochs and _bytes(state) == _bytes(whole)


def _environment() -> dict[str, str]:
    """One thread: the order of sums depends on their number."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _kill(command: list[str], state: Path, rng: random.Random) -> None:
    """Start it, and kill it a random moment after it has kept an epoch."""
    stamp = lambda: state.stat().st_mtime_ns if state.exists() else 0
    before = stamp()
    with subprocess.Popen(command, cwd=_ROOT, env=_environment(), stdout=subprocess.DEVNULL) as run:
        while run.poll() is None and stamp() == before:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.2)
        run.send_signal(signal.SIGKILL)


def _state(path: Path) -> dict[str, Any]:
    return torch.load(path, weights_only=True)


def _bytes(path: Path) -> bytes:
    """All that the next step depends on, and the losses of every epoch."""
    content = _state(path)
    found: list[bytes] = [repr([(e["epoch"], e["loss"]) for e in content["history"]]).encode()]

    def walk(value: Any) -> None:
        if isinstance(value, Tensor):
            found.append(value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                walk(value[key])
        elif isinstance(value, (list, tuple)):
            for item in value:
                walk(item)
        else:
            found.append(repr(value).encode())

    walk(content["net"])
    return b"|".join(found)
