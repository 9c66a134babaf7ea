"""scripts/figures.py: the record of its contract, pictures, lines; and batch normalisation in a network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import torch_ref.normalised
from manual import activation, normalised, pair
from manual.initialisation import weights
from verify.commands.figures import SCHEMA, TOPICS, unstable, valleys
from verify.commands.figures import command as figures
from verify.reports import figures_terminal
from verify.reports.pictures import DRAW, draw

QUICK = ("regression", "perceptron", "graphs", "svm", "logistic", "numerical")


def _ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        figures.app(list(arguments))
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_the_record_is_what_the_contract_says(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    chosen = [part for name in QUICK for part in ("--topic", name)]
    code, out, _ = _ended(capsys, *chosen, "--out", str(tmp_path / "pictures"), "--json", "-")
    record = json.loads(out)
    assert code == 0
    assert record["schema"] == SCHEMA == "backproof.figures/1"
    topics = record["topics"]
    assert [round(v, 2) for v in topics["regression"]["w"]["3"]] == [0.31, 7.99, -25.43, 17.37]
    assert len(topics["regression"]["ridge"]) == 10
    assert topics["regression"]["map_equals_ridge"] is True
    listing = topics["perceptron"]["examples"][0]
    assert (listing["w"], listing["b"], listing["updates"]) == ([-2.0, 4.0], 0.0, 2)
    for example in topics["perceptron"]["examples"]:
        assert {"name", "separable", "updates", "bound", "w", "b"} <= set(example)
        assert not example["separable"] or example["updates"] <= example["bound"]
    product = next(e for e in topics["graphs"]["examples"] if e["name"] == "sum-times")
    assert (product["value"], product["gradients"]) == (-12.0, {"x": -4.0, "y": -4.0, "z": 3.0})
    assert product["intermediates"]["q"]["value"] == 3.0
    for name in QUICK:
        picture = tmp_path / "pictures" / f"{name}.png"
        assert picture.read_bytes()[:4] == b"\x89PNG"
        assert picture.stat().st_size < 110_000


def test_what_the_decks_print_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _ended(capsys, "--topic", "regression", "--topic", "perceptron", "--topic", "graphs")
    assert code == 0
    assert "MAP equals ridge at λ = σ²/ν²: yes" in out
    assert "listing: w = (-2, 4), b = 0 after 2 updates" in out
    assert "(x + y) z at x = -2, y = 5, z = -4: -12; ∂/∂x = -4, ∂/∂y = -4, ∂/∂z = 3" in out


def test_every_topic_can_be_drawn_and_told() -> None:
    assert set(TOPICS) == set(DRAW) == set(figures_terminal._LINES)


def test_bad_input_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for arguments, said in (
        (["--topic", "trees"], "--topic 'trees': allowed are regression, perceptron"),
        (["--out", str(tmp_path / "no" / "such")], "allowed is a folder, or a new one"),
        (["--topic", "svm", "--out", str(tmp_path / "file")], "no folder there"),
        (["--json", str(tmp_path)], "is a folder"),
    ):
        code, _, err = _ended(capsys, *arguments)
        assert code == 2
        assert said in err
        assert err.count("\n") == 1


def test_vanishing_shows_in_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Deck 003: the further from the output, the slower; more layers, the more so. No remedy is presumed to win."""
    monkeypatch.setattr(unstable, "_EPOCHS", 3)
    monkeypatch.setattr(unstable, "_IMAGES", 40)
    record = unstable.vanishing_topic()
    ratios = list(record["ratio"].values())
    assert ratios == sorted(ratios, reverse=True)
    assert max(record["slopes"]["sigmoid"]) == 0.25
    assert max(record["slopes"]["tanh"]) == 1.0
    remedies = unstable.remedies_topic()
    assert set(remedies["remedies"]["ReLU, He"]) == {"loss", "speeds", "ratio", "saturated", "median_slope"}
    assert remedies["remedies"]["standard normal weights"]["saturated"] > 0
    for topic, held in (("vanishing", record), ("remedies", remedies)):
        draw(topic, held, tmp_path / f"{topic}.png")
        figures_terminal.show(topic, held)


def test_three_ways_down_and_steps_too_large() -> None:
    record = valleys.searches_topic()
    last = {name: best[-1] for name, best in record["ways"].items()}
    assert last["gradient"] < last["random local search"] < last["random search"]
    ends = {name: losses[-1] for name, losses in record["steps"].items()}
    assert ends["fitting"] < ends["too small"]
    assert ends["fitting"] < ends["too large"]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_a_network_with_batch_normalisation_is_torchs(name: str) -> None:
    rng = torch.Generator().manual_seed(1)
    W, b = weights([3, 4, 5, 2], "xavier", rng)
    draw_ = lambda *shape: torch.randn(*shape, generator=rng, dtype=torch.float64)
    b = [draw_(len(v)) for v in b]
    gamma, beta = [1 + 0.1 * draw_(k) for k in (4, 5)], [draw_(k) for k in (4, 5)]
    x, t = draw_(6, 3), torch.eye(2, dtype=torch.float64)[torch.tensor([0, 1, 1, 0, 1, 0])]
    mine = normalised.work(W, b, gamma, beta, x, t, activation(name), pair("softmax", "cross-entropy"))
    E, theirs = torch_ref.normalised.gradients(
        W, b, gamma, beta, x, t, activation=name, output="softmax", loss="cross-entropy"
    )
    torch.testing.assert_close(mine.E, E, rtol=1e-12, atol=0)
    held = {"W": mine.dW, "b": mine.db, "gamma": mine.dgamma, "beta": mine.dbeta}
    for kind, gradients in held.items():
        for ours, reference in zip(gradients, theirs[kind], strict=True):
            torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-13)
