"""The main job's page: a histogram per line, the sweep as a grid, detection limits beside others', the V-curve."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from manual import work
from verify.bounds.comparison import DECADES, compare
from verify.commands.main_job import run
from verify.problems import samples
from verify.problems.job import Job
from verify.reports import html, main_pictures, terminal, words
from verify.witnesses.record import CellPart, CompareRecord
from verify.witnesses.step_sizes import STEPS, step_sizes

PAGE = Path(__file__).parent.parent / "docs" / "BENCHMARK.md"


@pytest.fixture(scope="module")
def record() -> CompareRecord:
    return run(Job(layers=(784, 3, 10), batch=2, sweep=3))


def test_a_histogram_counts_every_decided_entry_by_its_share_of_the_budget() -> None:
    expected = np.ones(5)
    budget = np.full(5, 1e-6)
    yours = expected + budget * np.array([0.0, 1e-9, 0.05, 0.5, 4.0])
    counts = compare("dW1", ("a", "b"), yours, expected, budget).histogram
    assert len(counts) == len(DECADES) + 2
    assert counts == (1, 1, 0, 0, 0, 0, 1, 1, 1)
    undecided = compare("dW1", ("a", "b"), yours, expected, np.full(5, np.inf)).histogram
    assert sum(undecided) == 0


def test_every_line_of_the_record_has_its_histogram(record: CompareRecord) -> None:
    for line in record.lines:
        assert sum(line.histogram) == line.entries - line.inconclusive, line.name
        assert line.histogram[-1] == line.wrong == 0
    assert html.render(record).count('class="histogram"') == len(record.lines)


def test_an_entry_beyond_its_budget_is_a_red_bar_and_is_said() -> None:
    made = main_pictures.histogram((3, 0, 0, 0, 0, 0, 0, 2, 1))
    assert made.count('class="bad"') == 1
    assert "3 entries equal, 2 within the budget, 1 beyond it" in made
    assert main_pictures.histogram(()) == ""


def test_the_sweep_has_a_place_for_each_problem(record: CompareRecord) -> None:
    assert len(record.sweep.cells) == 3
    cells = (
        CellPart("relu", "l", 0.0, "(1, 1), N = 1", "agree", 0.1),
        CellPart("relu", "l", 0.0, "(1, 1), N = 1", "disagree", 9.0),
        CellPart("tanh", "l", 1.0, "(2, 1), N = 3", "inconclusive", None),
    )
    grid = main_pictures.grid(replace(record, sweep=replace(record.sweep, cells=cells)))
    assert grid is not None
    assert grid.lambdas == ["0", "1"]
    verdicts = {(name, i): [v for v, _ in cell.marks] for name, row in grid.rows for i, cell in enumerate(row)}
    assert verdicts["relu", 0] == ["disagree", ""]
    assert verdicts["tanh", 1] == ["", "inconclusive"]
    assert grid.rows[0][1][0].says == "relu, λ = 0: 1 agree, 1 disagree"
    assert main_pictures.grid(replace(record, sweep=replace(record.sweep, cells=()))) is None


def test_what_others_see_is_what_the_benchmark_page_says() -> None:
    table = PAGE.read_text(encoding="utf-8").split("## Smallest relative error flagged in one entry")[1].split("## ")[0]
    rows = {name.strip(): float(v) for name, v in re.findall(r"^\| ([^|]+) \| ([\d.e+-]+) \|", table, re.M)}
    assert {name: rows[name] for name in main_pictures.OTHERS} == main_pictures.OTHERS


def test_the_curve_is_a_v_and_central_is_better_than_one_sided() -> None:
    problem = samples.sample(
        samples.seeded(0), samples.SHAPES[0], activation="tanh", output="softmax", loss="cross-entropy"
    )
    p = problem
    gradient = work(p.W, p.b, p.x, p.t, p.f, p.pair, p.lam).dW[1]
    one_sided, central = step_sizes(p, gradient)
    for part in (one_sided, central):
        least = min(part.errors)
        assert part.errors[0] > 100 * least
        assert part.errors[-1] > 100 * least
        assert part.steps == STEPS
    assert min(central.errors) < min(one_sided.errors) / 10
    assert max(step_sizes(p, gradient * 2)[1].errors[4:8]) > 0.4  # a gradient that is wrong is off at every step
    assert step_sizes(p.to(dtype=torch.float32, device=p.device), gradient) == ()
    assert step_sizes(p, gradient * 0) == ()


def test_the_page_has_its_pictures_in_the_colours_of_the_theme(record: CompareRecord) -> None:
    page = html.render(record)
    assert page.count('class="picture"') == 2
    assert "var(--good)" in page
    assert "http:" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", page)
    assert len(page.encode()) < 300_000


# In the terminal ------------------------------------------------------------------------------------------------------


def printed(record: CompareRecord, width: int) -> str:
    out = Console(width=width, file=io.StringIO(), highlight=False)
    terminal.show(record, out)
    return out.file.getvalue()  # type: ignore[union-attr]


def with_complex_step(record: CompareRecord) -> CompareRecord:
    more = [replace(line, pair=("manual", "complex-step")) for line in record.lines if line.pair[1] == "autograd"]
    return replace(record, lines=(*record.lines, *more))


@pytest.mark.parametrize(
    ("width", "three"), [(60, False), (80, False), (130, False), (200, False), (80, True), (100, True), (160, True)]
)
def test_every_number_keeps_its_exponent_and_every_place_its_heading(
    record: CompareRecord, width: int, three: bool
) -> None:
    shown = with_complex_step(record) if three else record
    text = printed(shown, width)
    assert "…" not in text
    for line in text.splitlines():
        assert cell_len(line) <= width, line
    numbers = [words.size(v) for line in shown.lines for v in (line.worst_error, line.budget)]
    assert [n for n in numbers if n not in text] == []
    squeezed = "".join(text.split())
    for line in shown.lines:
        assert line.place.heading.replace(" ", "") in squeezed
    assert ("place in the slides" in text) or width < 80


def test_nothing_is_coloured_where_nobody_wants_it(record: CompareRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Console(width=80, file=io.StringIO(), force_terminal=True, highlight=False)
    terminal.show(record, out)
    text = out.file.getvalue()  # type: ignore[union-attr]
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", text)
    monkeypatch.delenv("NO_COLOR")
    out = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard", highlight=False)
    terminal.show(record, out)
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", out.file.getvalue())  # type: ignore[union-attr]
