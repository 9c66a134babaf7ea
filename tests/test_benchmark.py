"""The benchmark: every table in small, peers that are not there, goals, the record, the picture, the command line."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from scripts.benchmark import app
from verify.benchmarks import memory, peers, picture, sensitivity, show, speed
from verify.benchmarks import tables as tables_module
from verify.benchmarks.losses import array_loss, torch_loss
from verify.benchmarks.networks import MIDDLE, RANDOM, REAL, SIZES, SMALL, network, parameters_of
from verify.benchmarks.peers import JUDGES, PEERS, Peer, right_gradient
from verify.benchmarks.programs.right import right_programs
from verify.benchmarks.tables import EVERY, NAMES, Settings, Table, at_least, at_most, none_of, number, run
from verify.benchmarks.timing import Timing, extrapolate, interleaved, median_ratio
from verify.benchmarks.verdicts import _of_share
from verify.errors import BadInput

QUICK = Settings(quick=True)


@pytest.fixture(scope="module")
def tables() -> dict[str, Table]:
    return {table.name: table for table in run([], QUICK)}


# The tables ---------------------------------------------------------------------------------------------------------


def test_every_table_is_there_and_whole(tables):
    assert tuple(tables) == NAMES
    for table in tables.values():
        assert table.rows
        assert all(len(row) == len(table.columns) for row in table.rows), table.name
        assert table.record


def test_every_peer_is_timed_or_says_why_not(tables):
    (case,) = tables["time"].record["cases"]
    assert set(case["peers"]) == {peer.name for peer in PEERS}
    for name, timed in case["peers"].items():
        assert timed == "not installed" or timed["seconds"] > 0, name


def test_ours_flags_smaller_errors_than_any_peer(tables):
    (found,) = tables["smallest"].record.values()
    ours = {name: value for name, value in found.items() if name.startswith("backproof")}
    theirs = [v for name, v in found.items() if name not in ours and not isinstance(v, str)]
    assert len(ours) == 3
    assert max(ours.values()) < min(theirs)


def test_ours_never_cries_wolf(tables):
    record = tables["alarms"].record
    for inputs in (REAL, RANDOM):
        assert record["alarms"][inputs]["backproof, differences"] == 0
        assert record["alarms"][inputs]["backproof, manual and autograd"] == 0


def test_goals_that_no_machine_excuses_are_reached(tables):
    goals = [goal for table in tables.values() for goal in table.goals if goal.proof]
    # Inconclusive, bars, budget, orders and forms; undetected, right ones called wrong, nameless ones named.
    assert len(goals) == 7
    assert all(goal.reached for goal in goals), goals


def test_memory_is_measured(tables):
    assert tables["memory"].record["base_bytes"] > 100 * 2**20


def test_memory_that_is_taken_is_seen():
    before, most = memory.peak(SMALL, "taken = bytearray(b'x') * 300_000_000")
    assert 280_000_000 < most - before < 400_000_000


def test_the_record_is_json_and_the_text_shows_every_row(tables, capsys):
    record = json.loads(show.as_json(show.record_of(tables.values(), QUICK)))
    assert record["schema"] == "backproof.benchmark/1"
    assert set(record["tables"]) == set(NAMES)
    from rich.console import Console

    show.show(tables.values(), Console(width=250))
    text = capsys.readouterr().out
    for table in tables.values():
        assert all(row[0] in text for row in table.rows)
    assert all(goal["what"] in text for goal in record["goals"])


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_picture_is_drawn(tables, tmp_path, ending):
    path = tmp_path / f"benchmark.{ending}"
    picture.draw(tables.values(), path)
    assert path.stat().st_size > 10_000


def test_a_table_without_a_picture_says_so(tables, tmp_path):
    with pytest.raises(BadInput, match="time, smallest, alarms"):
        picture.draw([tables["memory"]], tmp_path / "none.png")


# Peers --------------------------------------------------------------------------------------------------------------


def test_a_peer_that_is_not_installed_is_shown_as_such(monkeypatch):
    stranger = Peer("stranger", "nothing", lambda problem, entries: 0, lambda problem: bool, package="no_such_package")
    monkeypatch.setattr(speed, "PEERS", (peers.OURS, stranger))
    monkeypatch.setattr(sensitivity, "JUDGES", (peers.OURS, peers.OURS_AUTOGRAD, stranger))
    monkeypatch.setattr(speed, "_validation", lambda settings: ("", {}))
    for maker in (speed.time_table, sensitivity.smallest_table, sensitivity.alarms_table):
        (row,) = [row for row in maker(QUICK).rows if row[0].startswith("stranger")]
        assert set(row[1:]) == {"not installed"}


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_peers_differentiate_the_problem_s_own_loss(activation):
    """Otherwise they would be set against another function, and the comparison would be void."""
    problem = network(SIZES[1], activation=activation, batch=5)
    leaves = [v.requires_grad_() for v in parameters_of(problem)]
    E = torch_loss(problem)(*leaves)
    for gradient, right in zip(torch.autograd.grad(E, leaves), right_gradient(problem), strict=True):
        assert torch.allclose(gradient, right, rtol=1e-12, atol=1e-14)
    import numpy as np

    assert abs(array_loss(problem, np)(*(v.detach().numpy() for v in leaves)) - E.item()) < 1e-14


@pytest.mark.parametrize("name", [peer.name for peer in JUDGES])
def test_each_judge_accepts_the_right_gradient_and_flags_a_gross_error(name):
    """A judge that cannot fail, or one that always does, would make a fine table."""
    peer = next(p for p in JUDGES if p.name == name)
    if peer.missing:
        pytest.skip(f"{peer.package} is not installed: make bench installs it")
    problem = network(SMALL, batch=8)
    right = right_gradient(problem)
    if name.startswith("CS231n"):  # forward differences miss 1e-4 on most networks: here the threshold in hindsight
        judge = peers.HINDSIGHT[name](problem)
    else:
        assert peer.judge is not None
        judge = peer.judge(problem)
    assert not judge(right)
    assert judge([2 * g for g in right])


@pytest.mark.parametrize("estimate", [peers._loop, peers._cs231n])
def test_loops_restore_the_weights_and_estimate_the_gradient(estimate):
    problem = network(SMALL, batch=4)
    before = [v.clone() for v in parameters_of(problem)]
    for found, right in zip(estimate(problem, problem.parameters), right_gradient(problem), strict=True):
        assert torch.allclose(found, right, atol=1e-4)
    assert all(torch.equal(v, w) for v, w in zip(parameters_of(problem), before, strict=True))
    assert sum(int((g != 0).sum()) for g in estimate(problem, 5)) <= 5


# Measuring -----------------------------------------------------------------------------------------------------------


def test_bisection_finds_a_known_threshold():
    right = [torch.full((3,), 2.0, dtype=torch.float64)]
    judge = lambda gradient: bool(((gradient[0] - 2).abs() > 2e-5).any())
    assert 1e-5 <= sensitivity.smallest_flagged(judge, right, 0, 1, 0.1) <= 1.3e-5
    assert sensitivity.smallest_flagged(lambda gradient: False, right, 0, 1, 0.1) == float("inf")


def test_extrapolation_is_linear():
    assert extrapolate(1.0 + 2, 2, 1.0 + 10, 10, 100) == pytest.approx(1.0 + 100)
    assert extrapolate(5.0, 2, 4.0, 10, 100) == pytest.approx(40.0)


def test_works_are_interleaved_and_warmed_up():
    order = []
    found = interleaved({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 2)
    assert order == ["a", "b"] * 3
    assert {name: len(seconds) for name, seconds in found.items()} == {"a": 2, "b": 2}
    assert median_ratio([1.0, 4.0, 9.0], [1.0, 2.0, 3.0]) == 2.0


def test_goals_know_their_direction():
    assert at_most("", 1, 1.0).reached
    assert not at_most("", 1, 1.1).reached
    assert not at_most("", 1, float("nan")).reached
    assert at_least("", 60, 60.0).reached
    assert not at_least("", 60, 59.0).reached
    assert none_of("", 0).reached
    assert not none_of("", 1).reached


def test_goals_of_speed_are_read_from_the_right_networks():
    row: speed.Row = {p.name: Timing(1.0, 1) for p in PEERS}
    slow: speed.Row = {**row, peers.GRADCHECK.name: Timing(60.0, 1)}
    goals = speed._goals({(SIZES[1], REAL): row, (MIDDLE, REAL): slow})
    assert [(g.goal, g.reached) for g in goals] == [("≥ 60", True), ("linear", True)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.5, "1,234"), (0.0123, "0.012"), (1.2e-11, "1.2e-11"), (float("inf"), "–"), (float("nan"), "–")],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize("layers", SIZES)
def test_real_batches_have_every_size(layers):
    problem = network(layers, batch=3)
    assert problem.layers == layers
    assert bool((problem.x >= 0).all())
    assert bool((problem.x <= 1).all())
    assert not torch.equal(problem.x, network(layers, batch=3, inputs=RANDOM).x)


def test_the_shares_of_gradcheck_are_whole_tensors():
    problem = network(SMALL, batch=2)
    assert [peers.gradcheck_entries(problem, n) for n in (1, 10, 11, 10_000)] == [10, 10, 100, problem.parameters]


# The command line ----------------------------------------------------------------------------------------------------


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).resolve().parents[1] / "scripts" / "benchmark.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)


def test_json_alone_on_standard_output():
    done = command("--quick", "--table", "step", "--json", "-")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["tables"]) == {"step"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--table", "speed"], "allowed are time, bare"),
        (["--picture", "picture.txt"], ".png"),
        (["--json", "no/such/folder/file.json"], "no folder"),
        (["--seed", "many"], "seed"),
        (["--verdicts", "--share", "3/2"], "--share 3/2: allowed is K/N"),
        (["--nonsense"], "nonsense"),
    ],
)
def test_bad_arguments_are_one_line_and_exit_2(arguments, message, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["benchmark.py", *arguments])
    with pytest.raises(SystemExit) as left:
        app()
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_shares_are_the_whole():
    whole = [p.name for p in right_programs(10)]
    shares = [p.name for k in (1, 2, 3) for p in _of_share(right_programs(10), Settings(share=(k, 3)))]
    assert sorted(shares) == sorted(whole)


def test_the_extra_of_the_benchmark_names_every_package_of_a_peer():
    text = (Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    extra = next(line for line in text.splitlines() if line.startswith("bench = "))
    packages = {peer.package for peer in PEERS if peer.package}
    assert packages == {"jax", "autograd", "numdifftools"}
    assert all(f'"{package}>=' in extra for package in packages)
    assert importlib.util.find_spec("no_such_package") is None


def test_every_table_has_one_who_makes_it() -> None:
    assert set(tables_module._MAKERS) == set(EVERY)
    assert all(callable(tables_module._maker(name)) for name in EVERY)
