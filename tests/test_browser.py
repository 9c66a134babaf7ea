"""Pages in a real browser: no error, no scrolling sideways on a telephone, accessible in both themes, names as text."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_class_page import right, summary
from tests.test_graded_reports import HOSTILE, case, hostile_record, record
from tests.test_person_page import mapped
from verify.commands.main_job import run
from verify.grading.explain_record import ExplainJob
from verify.grading.record import FindingRecord, GradeRecord, LessonCase, LessonInput, LessonRecord, WorkingLine
from verify.lessons.network.cases.explain import explain
from verify.lessons.network.mistakes import CATALOGUE
from verify.problems.job import Job
from verify.reports import explanation, graded_pages, html

INSTALL = "apt-get install chromium; .venv/bin/pip install -c constraints.txt -e '.[browser]'"
CHROMIUM = next((found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None)
playwright = pytest.importorskip("playwright.sync_api", reason=f"pages are tested in a browser: {INSTALL}")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=f"pages are tested in a browser: {INSTALL}")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=f"pages are tested in a browser: {INSTALL}")
_PATIENCE = 180_000  # ms: a machine that others use may be slow, and is no fault of the page
PHONE, DESKTOP = {"width": 360, "height": 640}, {"width": 1280, "height": 900}


def lesson_record() -> GradeRecord:
    """Of a lesson: its lines drawn, some with letters put in."""
    lines = [
        WorkingLine(name="s", symbol="s", equation="s = W x", place="", expected=[[2.0]], yours=[[2.0]],
                    sources=["W", "x"]),
        WorkingLine(name="dW", symbol="∂L/∂W", equation="∂L/∂W = s xᵀ", place="a lecture", expected=[[4.0]],
                    yours=[[8.0]], differs=True, sources=["s", "x"]),
    ]  # fmt: skip
    case = LessonCase(
        title="A lesson", function="gradient", inputs=[LessonInput("W", [[1.0]]), LessonInput("x", [[2.0]])],
        line="dW", yours=[[8.0]], expected=[[4.0]], label="", working=lines,
    )  # fmt: skip
    finding = FindingRecord(mistake="twice", lines=["dW"], says="It is twice.", wrong="2 s xᵀ", right="∂L/∂W = s xᵀ")
    return LessonRecord(submission="s.py", state="wrong", score=1.0, max_score=2.0, lesson="l", problems=3, seed=0,
                        diagnosis=[finding], counterexample=case)  # fmt: skip


def klass() -> str:
    graded = [record(submission=f"s{i}.py") if i % 3 else right(f"s{i}.py") for i in range(12)]
    text = HOSTILE.replace("\ud800", "")
    graded.append(record(submission="x.py", state="error", diagnosis=[], message=text))
    return summary(graded, {"s1.py": text, "s2.py": "王芳"}, assignment=text, missing=[text])


PAGES: dict[str, Callable[[], str]] = {
    "person": lambda: graded_pages.as_html(record(heat=mapped(), seed=0)),
    "hostile": lambda: graded_pages.as_html(hostile_record()),
    "lesson": lambda: graded_pages.as_html(lesson_record()),
    "correct": lambda: graded_pages.as_html(right("ann.py")),
    "class": klass,
    "main": lambda: html.render(run(Job(layers=(784, 3, 10), batch=2, sweep=8))),
    "explain": lambda: explanation.as_html(explain(ExplainJob())),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    # Root has no sandbox to start in, and the pages are our own.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=options)
        yield found
        found.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Page -> its address."""
    folder = tmp_path_factory.mktemp("pages")
    found = {}
    for name, make in PAGES.items():
        (folder / f"{name}.html").write_bytes(make().encode(errors="backslashreplace"))
        found[name] = (folder / f"{name}.html").as_uri()
    return found


class Seen:
    """A page that is open, and what it has complained of."""

    def __init__(self, browser: Any, address: str, **options: Any) -> None:
        self.said: list[str] = []
        self.page = browser.new_page(**options)
        self.page.set_default_timeout(_PATIENCE)
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}") or dialog.dismiss())
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.goto(address)

    def _asked(self, address: str) -> None:
        if not address.startswith(("file:", "data:")):
            self.said.append(f"asks for {address}")

    def sideways(self) -> int:
        """By how many pixels it is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


@pytest.fixture
def open_page(browser: Any, files: dict[str, str]) -> Iterator[Callable[..., Seen]]:
    opened: list[Seen] = []

    def opener(name: str, **options: Any) -> Seen:
        opened.append(Seen(browser, files[name], **{"viewport": DESKTOP, **options}))
        return opened[-1]

    yield opener
    for one in opened:
        assert one.said == []
        one.page.close()


def violations(page: Any, *rules: str) -> list[tuple[str, str]]:
    """What axe-core finds, by all of its rules or by some: the rule, and an element that breaks it."""
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    found = axe.Axe().run(page, options=options).response["violations"]
    return [(v["id"], node["html"][:200]) for v in found for node in v["nodes"]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_in_both_themes_and_fits_a_telephone(open_page: Callable[..., Seen], name: str) -> None:
    seen = open_page(name, viewport=PHONE, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert seen.sideways() == 0
    assert seen.page.evaluate(paper) == "rgb(255, 255, 255)"
    assert violations(seen.page) == []
    # Nothing but colours changes with the theme.
    seen.page.emulate_media(color_scheme="dark")
    assert seen.page.evaluate(paper) == "rgb(18, 22, 28)"
    assert violations(seen.page, "color-contrast") == []


def test_what_is_wrong_with_a_page_would_be_seen(browser: Any, tmp_path: Path) -> None:
    spoilt = graded_pages.as_html(right("ann.py")).replace(
        "</main>", '<p style="color:#999;width:500px">pale</p><img src="https://example.org/x.png"></main>'
    )
    (tmp_path / "x.html").write_text(spoilt, encoding="utf-8")
    seen = Seen(browser, (tmp_path / "x.html").as_uri(), viewport=PHONE)
    assert {rule for rule, _ in violations(seen.page)} == {"color-contrast", "image-alt"}
    assert seen.sideways() > 100
    assert any("Content Security Policy" in text for text in seen.said)
    seen.page.close()


def test_folded_parts_are_accessible_when_they_are_open(open_page: Callable[..., Seen]) -> None:
    seen = open_page("person", viewport=PHONE)
    seen.page.evaluate("for (const d of document.querySelectorAll('details')) d.open = true")
    assert seen.sideways() == 0
    assert violations(seen.page) == []


@pytest.mark.parametrize("name", ["hostile", "class"])
def test_hostile_names_are_text(open_page: Callable[..., Seen], name: str) -> None:
    seen = open_page(name)
    assert "<script>alert(1)</script>" in seen.page.inner_text("body")
    assert seen.page.evaluate("document.scripts.length") == (1 if name == "class" else 0)
    assert seen.page.locator("img[src=x]").count() == 0


def test_a_number_shows_its_equation_when_pointed_at_tapped_and_reached_by_tab(open_page: Callable[..., Seen]) -> None:
    page = open_page("explain").page
    number = page.locator(".n[tabindex='0']").first
    equation = number.locator(".e")
    assert not equation.is_visible()
    number.hover()
    assert equation.is_visible()
    assert "=" in equation.inner_text()
    box = equation.bounding_box()
    assert box["y"] + box["height"] <= DESKTOP["height"]
    page.mouse.move(0, 0)
    assert not equation.is_visible()
    number.focus()
    assert equation.is_visible()
    phone = open_page("explain", viewport=PHONE, has_touch=True).page
    phone.locator(".n").nth(3).tap()
    assert phone.locator(".n").nth(3).locator(".e").is_visible()


def test_the_answer_is_folded_until_it_is_asked_for(open_page: Callable[..., Seen]) -> None:
    page = open_page("person").page
    answer = page.get_by_text("δ is t − y for y − t.", exact=True)
    assert not answer.is_visible()
    page.locator(".finding summary").click()
    assert answer.is_visible()


def finding_of(id: str) -> str:
    """The part of a person's page that says what is wrong, for a mistake of the catalogue."""
    m = CATALOGUE[id]
    wrong, right = (text.replace("{delta}", "(y − t) ⊙ σ′(a(L))") for text in (m.wrong, m.right))
    finding = FindingRecord(mistake=id, lines=["delta2", "delta1"], says=m.says, wrong=wrong, right=right)
    page = graded_pages.as_html(record(diagnosis=[finding], counterexample=case()))
    return page[page.index('<article class="finding">') : page.index("</article>")] + "</article>"


def test_for_every_mistake_the_first_screen_of_a_telephone_has_the_line_and_both_formulas(
    open_page: Callable[..., Seen],
) -> None:
    page = open_page("person", viewport=PHONE).page
    put_in = """parts => parts.map(part => {
      document.querySelector(".finding").outerHTML = part;
      return Math.max(...[".finding h3", ".formulas dd:nth-of-type(1)", ".formulas dd:last-of-type"].map(
        name => document.querySelector(name).getBoundingClientRect().bottom));
    })"""
    low = page.evaluate(put_in, [finding_of(id) for id in CATALOGUE])
    assert {id: y for id, y in zip(CATALOGUE, low, strict=True) if not 0 < y <= PHONE["height"]} == {}


def test_the_class_is_filtered_and_can_be_read_without_a_script(open_page: Callable[..., Seen]) -> None:
    page = open_page("class").page
    rows = page.locator("#people tbody tr:visible")
    everybody = rows.count()
    page.select_option("select[name=state]", "correct")
    assert rows.count() == 4
    assert page.inner_text("#count") == f"4 of {everybody} shown"
    page.select_option("select[name=state]", "")
    page.fill("input[name=text]", "王芳 wrong")
    assert rows.count() == 1
    plain = open_page("class", java_script_enabled=False).page
    assert not plain.locator("#filter").is_visible()
    assert plain.locator("#people tbody tr").count() == everybody


@pytest.mark.parametrize("name", ["person", "class", "lesson"])
def test_a_page_prints_whole(open_page: Callable[..., Seen], name: str, tmp_path: Path) -> None:
    # A4 between its margins.
    seen = open_page(name, viewport={"width": 700, "height": 1000})
    seen.page.emulate_media(media="print")
    assert seen.sideways() == 0
    cut = seen.page.evaluate("""() => [...document.querySelectorAll("body *")].filter(e =>
      e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== "visible"
      && getComputedStyle(e).display !== "inline" && e.clientWidth).map(e => e.outerHTML.slice(0, 120))""")
    assert cut == []
    if name == "person":
        assert seen.page.get_by_text("δ is t − y for y − t.", exact=True).bounding_box()["height"] > 0
    data = seen.page.pdf(path=tmp_path / "page.pdf")
    assert data.startswith(b"%PDF")
