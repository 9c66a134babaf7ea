"""Reports of graded submissions: what they say, how they write numbers, and that nothing of a student's is obeyed."""

import html.parser
import io
import re
from html import unescape
from typing import Any

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from verify import plain
from verify.grading.record import (
    Counterexample,
    FindingRecord,
    GradeRecord,
    LineRecord,
    Task,
    WorkingLine,
    Worst,
    decode,
    encode,
)
from verify.reports import graded_pages, graded_terminal, numbers
from verify.reports import graded_words as words

PLACE = 'deck 000 "综上,误差反向传播求导及调整步骤"'
TASK = Task(
    convention="rows", backend="numpy", activations=["relu", "tanh"], output="softmax", loss="cross-entropy",
    layers=[1, 3], precision="float64",
)  # fmt: skip


def working(name: str, equation: str, expected: object, yours: object = None, **more: Any) -> WorkingLine:
    symbol = equation.split(" = ")[0]
    return WorkingLine(name=name, symbol=symbol, equation=equation, place=PLACE, expected=expected, yours=yours, **more)


def case(**changes: Any) -> Counterexample:
    lines = [
        working("a1", "a(1) = x W(1) + b(1)", [[1.0, 2.0]], [[1.0, 2.0]],
                terms=[[[1.0]], " ", [[2.0, 1.0]], " + ", [-1.0, 1.0]]),
        working("delta1", "δ(1) = y − t", [[0.2689414, -0.2689414]], [[0.2689414, 0.2689414]], differs=True),
        working("dW1", "∂E/∂W(1) = …", [[0.2689414, -0.2689414]], [[0.2689414, 0.2689414]], differs=True),
        working("db1", "∂E/∂b(1) = …", [0.2689414, -0.2689414]),
    ]  # fmt: skip
    fields: dict[str, Any] = {
        "W": [[[2.0, 1.0]]], "b": [[-1.0, 1.0]], "x": [[1.0]], "t": [[0.0, 1.0]], "activation": "tanh", "lam": 0.0,
        "output": "softmax", "loss": "cross-entropy", "line": "delta1", "yours": [[0.2689414, 0.2689414]],
        "expected": [[0.2689414, -0.2689414]], "label": "small 1", "formulas": ["tanh: f(v) = tanh v"],
        "working": lines,
    }  # fmt: skip
    return Counterexample(**(fields | changes))


def record(**changes: Any) -> GradeRecord:
    lines = [
        LineRecord(name="delta1", state="wrong", points=0, max_points=2.5, reason="wrong in 3 of 4 problems"),
        LineRecord(name="dW1", state="wrong", carried_forward="right", points=2.5, max_points=2.5,
                   reason="follows from an earlier error; right on the values it was given"),
        LineRecord(name="db1", state="right", points=5, max_points=5),
    ]  # fmt: skip
    finding = FindingRecord(
        mistake="output-sign", lines=["delta1"], says="δ is t − y for y − t.", wrong="δ(L) = t − y",
        right="δ(L) = y − t", place=PLACE, also=["step-sign"],
    )  # fmt: skip
    fields: dict[str, Any] = {
        "submission": "alice.py", "state": "wrong", "task": TASK, "score": 7.5, "max_score": 10.0, "problems": 68,
        "lines": lines, "first_wrong_line": "delta1", "diagnosis": [finding], "counterexample": case(),
        "detection_limit": 3.3e-14, "message": "δ is t − y for y − t.", "sandbox": "bubblewrap",
        "hidden_mistakes": ["derivative-at-activation"], "output": "hello\nworld\n",
    }  # fmt: skip
    return GradeRecord(**(fields | changes))


def terminal(graded: GradeRecord, width: int = 80) -> str:
    out = Console(width=width, file=io.StringIO(), highlight=False)
    graded_terminal.show(graded, out)
    return out.file.getvalue()  # type: ignore[union-attr]


RENDERERS = {"terminal": terminal, "html": graded_pages.as_html, "markdown": graded_pages.as_markdown}
renderer = pytest.mark.parametrize("render", RENDERERS.values(), ids=RENDERERS)


def read(text: str) -> str:
    """What a reader sees: without tags, style and code marks, entities resolved; marks in a formula leave no gap."""
    text = re.sub(r"(?s)<style>.*?</style>", "", text)
    return unescape(re.sub(r"<[^>]*>", " ", re.sub(r"</?mark[^>]*>", "", text))).replace("`", "")


# What they say -------------------------------------------------------------------------------------------------------


@renderer
def test_a_wrong_submission_is_told_everything_in_order(render):
    text = read(render(record()))
    formulas, answer = ["δ(L) = t − y", "δ(L) = y − t"], ["δ is t − y for y − t.", "output-sign"]
    # On the page the answer is folded away below the hint and the formulas.
    first = [*formulas, *answer] if render is graded_pages.as_html else [*answer, *formulas]
    parts = [
        "alice.py", "7.5 of 10 points", *first, PLACE, "step-sign", "The smallest case", "a(1) = x W(1) + b(1)",
        "-0.26894", "Line by line", "carried forward", "follows from an earlier error", "What the program printed",
        "world", "68", "3.3e-14", "no network", "derivative-at-activation",
    ]  # fmt: skip
    at = -1
    for part in parts:
        assert part in text[at + 1 :], f"{part!r} is missing, or stands before {text[at : at + 40]!r}"
        at = text.index(part, at + 1)


@renderer
def test_only_the_first_line_that_differs_is_called_so(render):
    text = read(render(record()))
    # The terminal and Markdown have a sign, explained below the working; HTML says it beside the line.
    mark = words.MARK if render is not graded_pages.as_html else "the first of yours that differs"
    before = [line for line in text.splitlines() if mark in line and "▶ the first" not in line]
    assert len(before) == 1
    assert "δ(1) = y − t" in text[text.index(before[0]) - 40 : text.index(before[0]) + 40]


@renderer
def test_an_unnamed_error_is_said_to_be_unnamed_and_its_shape_told(render):
    unnamed = record(diagnosis=[], known=["Every entry of your dW1 is 3 times the expected one."])
    text = read(render(unnamed))
    assert "The first wrong line is delta1" in text
    assert "No known mistake explains the numbers" in text
    assert "3 times the expected one" in text
    assert "output-sign" not in text


@renderer
@pytest.mark.parametrize("state", words.STATES)
def test_every_state_has_its_words_and_its_score(render, state):
    bare = GradeRecord(
        submission="alice.py", state=state, score=None if state == "grader-error" else 0.0, max_score=10.0,
        message="the reason, line 3",
    )  # fmt: skip
    text = read(render(bare))
    headline, meaning = words.STATES[state]
    assert headline.lower() in text.lower()
    assert " ".join(meaning.split()) in " ".join(text.split())
    assert "the reason, line 3" in text
    assert ("no score" in text) == (state == "grader-error")


@renderer
def test_a_mistake_of_the_step_alone_shows_its_worst_entry(render):
    worst = Worst(index=[0, 1], yours=1.25, expected=0.75, error=0.5, budget=1e-16, problem="small 3")
    line = LineRecord(name="W", function="step", state="wrong", worst=worst)
    text = read(render(record(counterexample=None, lines=[line])))
    assert "step: W, entry (0, 1), is 1.25 where 0.75 is expected" in " ".join(text.split())


@renderer
def test_a_program_that_fails_on_the_smallest_case_is_shown_where(render):
    failed = case(
        message="ValueError: shapes (2,) and (3,)", yours=None, working=[working("dW1", "∂E/∂W(1) = …", [[1.0]])]
    )
    text = read(render(record(counterexample=failed)))
    assert "Here the program failed: ValueError: shapes (2,) and (3,)" in " ".join(text.split())


def test_in_columns_no_letters_need_explaining():
    """The record's texts come in the assignment's own letters (tests/test_words.py): no remark is needed."""
    columns = replace(TASK, convention="columns")
    for render in RENDERERS.values():
        assert "is your z(l)" not in read(render(record(task=columns)))


def test_the_terminal_keeps_to_80_columns():
    for width in (80, 100):
        for line in terminal(record(), width).splitlines():
            assert cell_len(line) <= width, line
        assert "…" not in terminal(record(counterexample=case(formulas=[], working=case().working[:1])), width)


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.0, "2"), (-0.0, "0"), (0.26894142, "0.26894"), (-1234567.5, "-1.2346e+06"), (0.99999999, "1.0000"),
        (1e-20, "1e-20"), (float(10**7), "1e+07"), (None, "–"), ("nan", "nan"), (float("inf"), "inf"),
        ("\x1b[2Jinf", "\\x1b[2Jinf"), (3, "3"),
    ],
)  # fmt: skip
def test_a_number_is_written_short(value, text):
    assert numbers.number(value) == text


def test_values_that_differ_in_the_ninth_digit_read_differently():
    expected, yours = [[0.123456789, 1.0]], [[0.123456788, 1.0]]
    digits = numbers.digits_between(expected, yours)
    assert digits == 9
    assert numbers.block(expected, digits) != numbers.block(yours, digits)
    line = working("dW1", "∂E/∂W(1) = …", expected, yours, differs=True)
    for render in RENDERERS.values():
        text = read(render(record(counterexample=case(working=[line]))))
        assert "0.123456789" in text
        assert "0.123456788" in text


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        (1.5, ["1.5"]),
        ([1.0, -2.0], ["[1  -2]"]),
        ([[1.0, -2.0], [10.0, 0.5]], ["⎡ 1   -2⎤", "⎣10  0.5⎦"]),
        ([[[1.0]]], ["[1]"]),
        ([], ["an array of shape (0,)"]),
        ([[0.0] * 9] * 9, ["an array of shape (9, 9)"]),
        ("an array of shape (900, 900)", ["an array of shape (900, 900)"]),
    ],
)
def test_a_matrix_is_a_block(value, lines):
    assert numbers.block(value) == lines


def test_a_wide_equation_goes_on_below():
    terms = ["(", [[1.0, 2.0], [3.0, 4.0]], " ", [[5.0], [6.0]], ") ⊙ ", [[7.0]]]
    assert numbers.equation(terms, 80) == ["(⎡1  2⎤ ⎡5⎤) ⊙ [7]", " ⎣3  4⎦ ⎣6⎦"]
    assert max(map(len, numbers.equation(terms, 10))) <= 10
    assert "".join(numbers.equation(terms, 10)).count("[7]") == 1


# Nothing of a student's is obeyed ------------------------------------------------------------------------------------

HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>&lt;b&gt; \x1b[2J\x1b]0;title\x07\x9b31m \u202egpj.exe\u2066 "
    "\r\n::error file=grade.py::injected\n##[group]injected\n| a | b |\n# heading\n```\n[x](javascript:alert(1)) "
    "@everyone www.example.org https://example.org `code` ``` *bold* $x$ <!-- \x00 =HYPERLINK(1) \ud800"
)


def hostile_record() -> GradeRecord:
    """The hostile text wherever a student's words can get to."""
    lines = [LineRecord(name="dW1", state="wrong", points=0, max_points=10, reason=HOSTILE)]
    value = working("dW1", "∂E/∂W(1) = …", [[1.0]], HOSTILE, differs=True)
    listed = working("db1", "∂E/∂b(1) = …", [1.0], [HOSTILE], differs=True)
    return record(
        submission=HOSTILE, message=HOSTILE, output=HOSTILE * 3, raised=[HOSTILE], lines=lines, diagnosis=[],
        known=[HOSTILE], advice=[HOSTILE], first_wrong_line="dW1",
        counterexample=case(message=HOSTILE, yours=HOSTILE, working=[value, listed]),
    )  # fmt: skip


@renderer
@pytest.mark.parametrize("state", ["wrong", "error", "correct", "ungradable", "grader-error"])
def test_no_control_character_and_no_workflow_command_is_left(render, state):
    graded = hostile_record()
    graded.state = state
    text = render(graded)
    for line in text.split("\n"):
        hidden = [c for c in line if not c.isprintable()]
        assert not hidden, (line, hidden)
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
    assert "alert(1)" in text  # it was shown


class Page(html.parser.HTMLParser):
    """The tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(attrs)


def test_html_has_the_templates_tags_only():
    harmless, page = Page(), Page()
    harmless.feed(graded_pages.as_html(record(raised=["x"], advice=["x"], known=["x"], diagnosis=[])))
    page.feed(graded_pages.as_html(hostile_record()))
    assert page.tags - harmless.tags <= {"p"}
    assert not {"script", "img", "iframe", "a", "link"} & page.tags
    assert not any(name.startswith("on") or name in ("href", "src") for name, _ in page.attributes)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in page.attributes


def outside_code(markdown: str) -> str:
    """A Markdown text without its code blocks and code spans, as CommonMark delimits them."""
    kept, fence = [], ""
    for line in markdown.split("\n"):
        opening = re.match(r" {0,3}(`{3,})", line)
        if fence:
            fence = "" if re.fullmatch(rf" {{0,3}}{fence}`*\s*", line) else fence
        elif opening and "`" not in line[opening.end() :]:
            fence = opening[1]
        else:
            kept.append(line)
    assert not fence, "a code block is left open"
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", "\n".join(kept))


def test_markdown_has_every_hostile_word_in_code():
    rest = outside_code(graded_pages.as_markdown(hostile_record()))
    for word in ("alert", "<", "javascript", "@everyone", "www.", "https:", "bold", "injected", "HYPERLINK", "$"):
        assert word not in rest, word
    # and its tables have the cells they should
    for line in rest.splitlines():
        if line.startswith("| dW1"):
            assert line.count("|") - line.count("\\|") == 5


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("wrong in 3 of 4 problems", False),
        ("δ(l) lacks the factor f′(a(l)).", False),
        ("Ask a > 0 (or z > 0).", False),
        ("db2 has shape (4,) where (3,) is expected", False),
        ("<b>", True),
        ("a_b_c", True),
        ("*x*", True),
        ("[x](y)", True),
        ("@all", True),
        ("http://x.y", True),
        ("www.x.y", True),
        ("x | y", True),
        ("#1", True),
    ],
)
def test_prose_stays_prose_and_markup_becomes_code(text, code):
    assert str(graded_pages.prose(text)).startswith("`") == code


@pytest.mark.parametrize("text", ["`", "``", "a ` b `` c", "|", "", "`x`"])
def test_a_code_span_cannot_be_closed_from_inside(text):
    assert outside_code(f"before {graded_pages.code(text)} after") == "before  after"


@pytest.mark.parametrize("text", ["```", "a\n````\nb", "~~~"])
def test_a_code_block_cannot_be_closed_from_inside(text):
    assert outside_code(f"before\n{graded_pages.fenced(text)}\nafter") == "before\nafter"


def test_python_slices_and_times_are_left_as_they_are():
    assert plain.visible("x[::2] at 12::30") == "x[::2] at 12::30"
    assert "::e" not in plain.visible("  ::error::x")


def test_much_output_is_cut_and_said_to_be():
    text = terminal(record(output="line\n" * 5000))
    assert "4988 more lines" in text
    assert text.count("│ line") == 12
    assert len(graded_pages.as_markdown(record(output="y" * 10**6))) < 20_000


def test_a_record_reads_back_as_it_was_written():
    assert decode(encode(record())) == record()
