"""A person's page: formulas beside each other, numbers with their equations, drawing, heat maps, what reproduces it."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time
import zlib
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from msgspec.structs import replace

from tests.classes import NO_SLOPE, RIGHT
from tests.test_graded_reports import case, hostile_record, record, working
from verify.commands.one_submission import OneJob, grade_one
from verify.grading.record import Counterexample, GradeRecord, HeatMap, LessonCase, LessonInput
from verify.grading.shown import shown_as
from verify.reports import drawing, formula, graded_pages, heat, reproduce, worked
from verify.reports.entries import entries
from verify.reports.person import lost, symbol
from verify.reports.texts import TEXTS

NO_FACTOR = RIGHT.replace("    return dW, db", "    return dW, db, lines").replace(
    "    dW, db = [None]", "    lines = {f'delta{len(W)}': delta}\n    dW, db = [None]"
).replace(" * slope(a[l - 1], activation)", "; lines[f'delta{l}'] = delta")  # fmt: skip
SVM = """import numpy as np
def gradient(W, x, y, margin, lam):
    s, n = W @ x, np.arange(x.shape[1])
    C = (s - s[y, n] + margin > 0) * 1.0
    C[y, n] = 0
    C[y, n] -= C.sum(0)
    return C @ x.T + lam * W, {"s": s}
"""


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, GradeRecord]:
    """Two wrong programs: the network's without f′, an SVM's without the mean."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / "alice.py").write_text(NO_FACTOR, encoding="utf-8")
    (folder / "svm.py").write_text(SVM, encoding="utf-8")
    (folder / "svm.toml").write_text('lesson = "svm"', encoding="utf-8")
    return {
        "network": grade_one(OneJob(folder / "alice.py", None, "process")),
        "svm": grade_one(OneJob(folder / "svm.py", folder / "svm.toml", "process")),
    }


# Formulas ------------------------------------------------------------------------------------------------------------


def marked(markup: str) -> str:
    return re.sub(r"</?mark[^>]*>", "|", str(markup)).replace('<span class="gap">□</span>', "□")


@pytest.mark.parametrize(
    ("wrong", "right", "kind", "left", "other"),
    [
        ("δ(l) = δ(l+1) W(l+1)ᵀ", "δ(l) = δ(l+1) W(l+1)ᵀ ⊙ f′(a(l))", "missing",
         "δ(l) = δ(l+1) W(l+1)ᵀ □", "δ(l) = δ(l+1) W(l+1)ᵀ |⊙ f′(a(l))|"),
        ("Σₙ", "(1/N) Σₙ", "missing", "□ Σₙ", "|(1/N)| Σₙ"),
        ("δ(L) = t − y", "δ(L) = y − t", "order", "δ(L) = |t| − |y|", "δ(L) = |y| − |t|"),
        ("W + η ∂E/∂W", "W − η ∂E/∂W", "sign", "W |+| η ∂E/∂W", "W |−| η ∂E/∂W"),
        ("… + 2λ W(l)", "… + λ W(l)", "extra", "… + |2|λ W(l)", "… + λ W(l)"),
        ("f′(z(l))", "f′(a(l))", "other", "|f′(z(l))|", "|f′(a(l))|"),
        # a lesson's mistake is a right-hand side alone
        ("C xᵀ + λ W", "∂L/∂W = (1/N) C xᵀ + λ W", "missing",
         "∂L/∂W = □ C xᵀ + λ W", "∂L/∂W = |(1/N)| C xᵀ + λ W"),
        ("<b>", "a < b", "other", "&lt;b|&gt;|", "|a| &lt; b"),
    ],
)  # fmt: skip
def test_what_differs_is_marked_in_both_formulas(wrong: str, right: str, kind: str, left: str, other: str) -> None:
    made = formula.pair(wrong, right)
    assert (made.kind, marked(made.wrong), marked(made.right)) == (kind, left, other)


def test_every_mistake_of_the_network_has_both_formulas_marked() -> None:
    from verify.lessons.network.mistakes import CATALOGUE

    for mistake in CATALOGUE.values():
        made = formula.pair(mistake.wrong, mistake.right)
        assert f"hint-{made.kind}" in TEXTS
        assert "<mark" in made.wrong + made.right, mistake.id
        for text, markup in ((mistake.wrong, made.wrong), (mistake.right, made.right)):
            plain = unescape(re.sub(r"<[^>]*>", "", str(markup).replace('<span class="gap">□</span>', "")))
            # In front of a part alone stands the left-hand side of the right equation.
            assert plain.replace(" ", "").endswith(text.replace(" ", "")), mistake.id


# Equations of entries ------------------------------------------------------------------------------------------------

ROWS = [
    (["(", [[0.5, -0.5]], " ", [[2.0], [1.0]], ") ⊙ ", [[3.0]]], [[1.5]], (0, 0), "(0.5 · 2 + (-0.5) · 1) · 3"),
    ([[[1.0, 2.0]], " ", [[3.0, 0.0], [4.0, 1.0]], " + ", [1.0, -1.0]], [[12.0, 1.0]], (0, 1), "1 · 0 + 2 · 1 + (-1)"),
    (["(1/2) Σₙ ", [[1.0, 2.0], [3.0, 4.0]]], [2.0, 3.0], (1,), "½ · (2 + 4)"),
    (["tanh(", [[0.0]], ")"], [[0.0]], (0, 0), "tanh(0)"),
    (["softsign(", [[1.0]], ")"], [[0.5]], (0, 0), "softsign(1)"),
    (["softmax(", [[0.0, 0.0]], ")"], [[0.5, 0.5]], (0, 1), "exp(0) / (exp(0) + exp(0))"),
    ([[[4.0, 6.0]], " − ", [[1.0, 0.0]]], [[3.0, 6.0]], (0, 0), "4 − 1"),
    ([[[1.0]], " − ", [[-2.0]]], [[3.0]], (0, 0), "1 − (-2)"),
    (["½ · ", 4.0, " / (√", 9.0, " + 1)"], 0.5, (), "½ · 4 / (√9 + 1)"),
]  # fmt: skip


@pytest.mark.parametrize(("terms", "value", "index", "text"), ROWS)
def test_an_entry_has_its_equation(terms: list, value: object, index: tuple[int, ...], text: str) -> None:
    write = entries(terms, value)
    assert write is not None
    assert write(index) == text


@pytest.mark.parametrize(
    ("terms", "value"),
    [
        (ROWS[0][0], [[1.6]]),  # comes to something else
        ([[[1.0, 2.0]], " ", [[3.0, 4.0]]], [[11.0]]),  # fits no product
        (["1 where ", [[1.0]], " > 0"], [[1.0]]),
        (["sin(", [[0.0]], ") + cos(", [[0.0]], ")"], [[1.0]]),
        (["(", [[1.0]]], [[1.0]]),
        ([[[1.0]]], "an array of shape (900, 900)"),
        ([], [[1.0]]),
    ],
)
def test_no_equation_is_shown_that_was_not_checked(terms: list, value: object) -> None:
    assert entries(terms, value) is None


def test_every_line_of_a_network_has_equations_of_its_entries(graded: dict[str, GradeRecord]) -> None:
    case = graded["network"].counterexample
    assert case is not None
    assert all(entries(line.terms, line.expected) is not None for line in case.working)


# The working ---------------------------------------------------------------------------------------------------------


def test_a_number_says_where_it_comes_from(graded: dict[str, GradeRecord]) -> None:
    html = graded_pages.as_html(graded["network"])
    told = [re.sub(r"\s+", " ", text) for text in re.findall(r'<span class="e">([^<]*)</span>', html)]
    assert any(text.startswith("z(1), row 1, column 1 = tanh(") for text in told)
    assert any(text.startswith("f′(a(1)), row 1, column 1 = a(1) is ") and "1 − tanh² v" in text for text in told)
    assert any(text.startswith("δ(1), row 1, column 1 = (") for text in told)
    assert "W(2), row 1, column 2 (given)" in told


def test_a_lessons_equation_has_its_numbers_put_in(graded: dict[str, GradeRecord]) -> None:
    case = graded["svm"].counterexample
    assert isinstance(case, LessonCase)
    steps = {step.name: step for step in worked.steps(case, {"N": 2, "K": 2, "D": 1})}
    assert "(1/" in steps["dW"].terms
    assert "from" in steps["m"].terms  # what is no formula of letters alone names what it takes
    assert [name for name, step in steps.items() if step.mark == "first"] == ["dW"]


# The drawing ---------------------------------------------------------------------------------------------------------


def net(first: str, **changes: object) -> str:
    layered = case(W=[[[1.0, 2.0]], [[3.0], [4.0]]], b=[[0.0, 0.0], [0.0]], x=[[1.0]], t=[[1.0]], **changes)
    made = drawing.drawn(layered, first)
    assert made is not None
    return str(made.svg)


def test_the_wrong_edge_is_marked() -> None:
    off = [working("dW2", "∂E/∂W(2) = …", [[1.0], [2.0]], [[1.0], [5.0]], differs=True)]
    svg = net("dW2", working=off)
    assert svg.count('"edge bad"') == 1
    assert svg.count('"edge"') == 3
    assert '"weight bad"' in svg[svg.index("<text") :]
    assert "∂E/∂W(2)" in svg


def test_a_wrong_delta_marks_its_unit_and_the_edges_it_comes_down_by() -> None:
    svg = net("delta1", working=[working("delta1", "δ(1) = …", [[1.0, 2.0]], [[1.0, 3.0]], differs=True)])
    assert (svg.count('"unit bad"'), svg.count('"edge bad"')) == (1, 1)


def test_nothing_is_marked_where_nothing_differs_and_nothing_drawn_that_is_too_large() -> None:
    assert "bad" not in net("", working=[])
    assert drawing.drawn(case(W=[[[1.0] * 20]], b=[[0.0] * 20], working=[]), "") is None


def test_a_lesson_is_drawn_as_its_lines(graded: dict[str, GradeRecord]) -> None:
    found = graded["svm"].counterexample
    assert isinstance(found, LessonCase)
    made = drawing.drawn(found, "dW")
    assert made is not None
    assert made.svg.count("<rect") == len(found.working) + len(found.inputs)
    assert made.svg.count('"edge bad"') == 4
    hostile = LessonCase(
        title="t", function="f", inputs=[LessonInput("<b>", 1.0)], line="a", yours=1.0, expected=1.0, label="",
        working=[replace(working("a", "a = <script>", 1.0, 2.0), sources=["<b>"])],
    )  # fmt: skip
    assert "<b>" not in str(drawing.drawn(hostile, "a"))


# Heat maps -----------------------------------------------------------------------------------------------------------


def mapped(**changes: object) -> HeatMap:
    fields = {
        "line": "dW1", "problem": "", "shape": (2, 3), "origin": (0, 0), "yours": [[1.0, "nan", 0.0], [1.0, 2.0, 0.0]],
        "expected": [[1.0, 2.0, 0.0], [1.0, 2.0, 0.5]], "share": [[None, "nan", None], [None, -3.0, 14.0]],
    }  # fmt: skip
    return HeatMap(**(fields | changes))  # type: ignore[arg-type]


def pixels(made: heat.Map) -> np.ndarray:
    import base64

    return image.imread(io.BytesIO(base64.b64decode(made.source.split(",")[1])), format="png")[..., :3]


def test_a_heat_map_has_a_square_for_each_entry_and_an_x_where_there_is_no_number() -> None:
    yours, expected, errors = heat.maps(mapped())
    picture, side = pixels(yours), yours.width // 3
    assert picture.shape == (yours.height, yours.width, 3)
    assert yours.height == 2 * side
    squares = [[picture[i * side : (i + 1) * side, j * side : (j + 1) * side] for j in range(3)] for i in range(2)]
    crossed = [len(np.unique(s.reshape(-1, 3), axis=0)) > 1 for row in squares for s in row]
    assert crossed == [False, True, False, False, False, False]
    nan = squares[0][1]
    assert not nan[0, 0].any()
    assert not nan[-1, 0].any()
    assert nan[0, side // 2].all()
    assert len(np.unique(pixels(expected).reshape(-1, 3), axis=0)) == 4
    # within budget, no number and far beyond are three different things
    at = pixels(errors)
    colours = {tuple(at[side // 2 + 3, j * side + side // 2 + 8]) for j in (0, 1)} | {tuple(at[-1, -1])}
    assert len(colours) == 3


def test_what_a_heat_map_shows_is_said_in_words() -> None:
    assert heat.says_of(mapped()) == "2 of 6 entries are off."
    column = mapped(share=[[None, 3.0, None], [None, 4.0, None]])
    assert heat.says_of(column) == "2 of 6 entries are off. They stand in column 2 alone."
    assert heat.says_of(replace(column, origin=(0, 10))).endswith("column 12 alone.")
    assert heat.says_of(mapped(share=[[1.0, 1.0, 1.0]] * 2)) == "All 6 entries are off."


def test_the_key_has_a_colour_for_each_decade() -> None:
    assert len({one.colour for one in heat.key()}) == len(heat.key()) == 7


def test_a_png_is_one() -> None:
    data = heat.png(np.array([[2, 255]], dtype=np.uint8), 9)
    assert data.startswith(b"\x89PNG")
    assert data[-4:] == (zlib.crc32(b"IEND")).to_bytes(4, "big")


def test_the_record_has_the_first_wrong_line_on_a_problem_with_many_entries(graded: dict[str, GradeRecord]) -> None:
    found = graded["network"].heat
    assert isinstance(found, HeatMap)
    assert found.line == "delta2"
    assert min(found.shape) > 1
    off = np.array(found.share, dtype=float)
    assert (off > 0).any()
    assert np.shape(found.yours) == np.shape(found.expected) == found.shape == off.shape
    assert graded["svm"].heat.line == "dW"  # type: ignore[union-attr]


def test_students_see_no_heat_map_where_they_see_no_case(graded: dict[str, GradeRecord]) -> None:
    for level, shows in (("case", True), ("hints", False), ("states", False), ("nothing", False)):
        html = graded_pages.as_html(shown_as(graded["network"], level))
        assert ("<img" in html, "<svg" in html) == (shows, shows)
        assert ("from alice import gradients" in html) == shows


# Points and commands -------------------------------------------------------------------------------------------------


def test_what_was_lost_is_listed_with_its_reason() -> None:
    assert lost(record()) == [("delta1", "2.5", "wrong in 3 of 4 problems")]


@pytest.mark.parametrize(("line", "text"), [("delta3", "δ(3)"), ("dW1", "∂E/∂W(1)"), ("E", "E"), ("z2", "z(2)")])
def test_lines_have_the_slides_symbols(line: str, text: str) -> None:
    assert symbol(line, record()) == text


@pytest.mark.parametrize("which", ["network", "svm"])
def test_the_smallest_case_can_be_pasted(graded: dict[str, GradeRecord], which: str, tmp_path: Path) -> None:
    name, source = {"network": ("alice.py", NO_FACTOR), "svm": ("svm.py", SVM)}[which]
    (tmp_path / name).write_text(source, encoding="utf-8")
    program = reproduce.program(graded[which])
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    yours = graded[which].counterexample.working  # type: ignore[union-attr]
    first = next(w for w in yours if w.differs and w.name.startswith("dW"))
    printed = [float(text) for text in re.findall(r"-?\d+\.\d*", ran.stdout)]
    assert all(np.isclose(printed, entry).any() for entry in np.ravel(np.array(first.yours)))


@pytest.mark.parametrize(
    ("name", "imported"),
    [
        ("王芳.py", "from 王芳 import gradients"),
        ("hw 3.py", "import runpy\ngradients = runpy.run_path('hw 3.py')['gradients']"),
        ("x.zip", "from your_program import gradients"),
    ],
)
def test_any_name_can_be_called(name: str, imported: str) -> None:
    assert imported in reproduce.program(record(submission=name))


def test_the_command_needs_a_seed_that_is_known() -> None:
    assert reproduce.command(record(seed=7, submission="a b.py")) == (
        "backproof compare 'a b.py' --assignment assignment.toml --seed 7"
    )
    assert reproduce.command(record(seed=None)) == ""


# The page ------------------------------------------------------------------------------------------------------------


def test_the_hint_comes_first_and_the_answer_is_folded() -> None:
    html = graded_pages.as_html(record())
    folded = html[html.index("<details>") :]
    assert html.index("Hint") < html.index("δ(L) = ") < html.index("<details>")
    assert "δ is t − y for y − t." in folded[: folded.index("</details>")]


def test_a_page_is_small_and_quickly_made(graded: dict[str, GradeRecord]) -> None:
    pages = [graded_pages.as_html(one) for one in graded.values()]
    assert max(len(page.encode()) for page in pages) < 100_000
    large = mapped(shape=(64, 64), yours=[[1.0] * 64] * 64, expected=[[2.0] * 64] * 64, share=[[9.0] * 64] * 64)
    wide = record(heat=large)
    assert len(graded_pages.as_html(wide).encode()) < 100_000
    spent = []
    for _ in range(5):
        begun = time.process_time()
        graded_pages.as_html(graded["network"])
        spent.append(time.process_time() - begun)
    assert min(spent) < 0.025  # 5 ms, with room for a machine that others use


def test_nothing_of_a_student_becomes_markup_in_the_new_parts() -> None:
    spoilt = hostile_record()
    spoilt.seed = 0
    html = graded_pages.as_html(spoilt)
    assert "<script" not in html
    assert "onerror=alert(1)>" not in html
    assert isinstance(spoilt.counterexample, Counterexample)
    assert NO_SLOPE not in html
