"""Reports in Chinese: every text has its translation, whole; records are the same in every language."""

import re
from pathlib import Path

import msgspec
import pytest
from babel.messages.catalog import Message
from rich.cells import cell_len
from rich.console import Console

from manual import ACTIVATIONS, Constants
from tests.classes import SHORT
from verify.commands import compare, texts
from verify.commands.one_submission import OneJob, grade_one
from verify.commands.texts import Text
from verify.errors import BadInput
from verify.grading.record import GradeRecord, SaidRecord, Task
from verify.language import FORMULA, LANGUAGES, language, of_environment, speak, speaking, tr
from verify.lessons.network.cases.terms import forward_formula
from verify.lessons.network.mistakes import CATALOGUE
from verify.lessons.network.words import in_columns
from verify.lessons.registry import BUILT_IN, lesson_named
from verify.problems.written import LOSSES, PENALTIES
from verify.reports import graded_pages, graded_terminal, spoken

CHINESE = re.compile(r"[\u3400-\u9fff]")
PLACE = re.compile(r"\{(\w+)(?::([^{}]+))?\}")
# Words that are the same in both: names of functions, of packages, of arguments, and symbols of the lessons.
SAME = {
    "exp", "max", "min", "clip", "tanh", "softmax", "sigmoid", "sign", "label", "most", "class", "dot", "relu", "gelu",
    "above",
}  # fmt: skip
SMALL = 'layers = [1, 3]\nactivations = ["tanh"]\nseed = 4\n'
WRONG = SHORT.replace(" * (1 - z[l] ** 2)", "").replace("    for l in", '    print("a line of output")\n    for l in')

WANTED = texts.collected()
CATALOGUES = {name: [m for m in texts.read(name) if m.id] for name in LANGUAGES[1:]}
MESSAGES = [message for found in CATALOGUES.values() for message in found]


def _key(message: Message) -> Text:
    return Text(message.context or "", str(message.id))


@pytest.fixture(autouse=True)
def _english_again():
    yield
    speak("en")


# The catalogues ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LANGUAGES[1:])
def test_no_text_lacks_its_translation_and_none_is_for_nothing(name: str) -> None:
    have = {_key(message): message.string for message in CATALOGUES[name]}
    assert [text for text in WANTED if not have.get(text)] == [], "python -m verify.commands.texts --write adds them"
    assert [text for text in have if text.context != FORMULA and text not in WANTED] == []
    assert [m.id for m in CATALOGUES[name] if m.fuzzy] == []


def test_what_is_said_within_an_f_string_is_collected_too() -> None:
    assert {Text("", "grading …"), Text("", "What is wrong"), Text("", "part")} <= set(WANTED)


def test_every_placeholder_survives_and_no_english_word_is_counted() -> None:
    for message in MESSAGES:
        wanted, found = PLACE.findall(str(message.id)), PLACE.findall(str(message.string))
        assert {name for name, _ in wanted} == {name for name, _ in found}, message.id
        # A word after the colon counts in English; what else stands there says how a number is written.
        forms = {name: form for name, form in wanted if (form and not form[0].isalpha()) or form == "g"}
        assert {name: form for name, form in found if form} == forms, message.id


def test_no_translation_is_cut() -> None:
    for message in MESSAGES:
        text, other = str(message.id).strip(), str(message.string).strip()
        assert (text[-1:] in ".") == (other[-1:] in "。"), other
        for opening, closing in ("()", "[]", "“”", "（）"):
            open_, closed = (other.count(sign) - text.count(sign) for sign in (opening, closing))
            assert open_ == closed, other
        assert text.count(". ") <= other.count("。") + other.count("；") + other.count("，"), other
        assert len(other) >= 0.15 * len(text), other


def test_what_is_said_in_chinese_is_chinese() -> None:
    for message in MESSAGES:
        words = re.findall(r"[A-Za-z]{3,}", PLACE.sub("", str(message.id)))
        assert CHINESE.search(str(message.string)) or set(words) <= {"None", "and", "with", "the"}, message.id
        # Half-width punctuation beside a Chinese character: not but in what is quoted.
        prose = re.sub(r"“[^”]*”|`[^`]*`", "", str(message.string))
        assert not re.search(r"[\u3400-\u9fff][,:;!?]|[,:;!?][\u3400-\u9fff]", prose), message.string


def _formulas() -> list[str]:
    of_network = [t for m in CATALOGUE.values() for v in (m, *m.variants) for t in (v.wrong, v.right) if t]
    of_activations = [
        *(forward_formula(name, Constants()) for name in ACTIVATIONS),
        *(loss.error for loss in LOSSES.values()),
    ]
    lessons = [lesson_named(name, name) for name in BUILT_IN]
    of_lessons = [line.equation for lesson in lessons for line in lesson.lines.values()]
    of_mistakes = [line.equation for lesson in lessons for m in lesson.mistakes for line in m.replaced.values()]
    notes = [note for lesson in lessons for note in lesson.notes]
    penalties = [text for penalty in PENALTIES.values() for text in (penalty.cancels, penalty.brings)]
    return [*penalties, *of_network, *map(in_columns, of_network), *of_activations, *of_lessons, *of_mistakes, *notes]


def test_every_word_in_a_formula_is_turned() -> None:
    with speaking("zh"):
        turned = {text: spoken.formula(text) for text in _formulas()}
    words = {text: set(re.findall(r"(?<![A-Za-z∂{])[a-z]{3,}(?![a-z\d])", other)) for text, other in turned.items()}
    same = SAME | {part for name in ACTIVATIONS for part in name.split("_")}
    assert {text: left - same for text, left in words.items() if left - same} == {}


def test_chinese_in_columns_changes_rows_letters_and_axes() -> None:
    assert in_columns("每行的最大值；轴 0；列表；a(l) = z(l−1) W(l)") == "每列的最大值；轴 1；列表；z(l) = W(l) a(l−1)"


# What is chosen ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_MESSAGES": "zh-TW", "LANG": "en_GB.UTF-8"}, "zh"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LC_ALL": "", "LANG": "zh_SG"}, "zh"),
    ],
)
def test_the_locale_chooses(environment: dict[str, str], name: str) -> None:
    assert of_environment(environment) == name


def test_another_language_is_refused_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        compare.app(["--explain", "--lang", "fr"])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("--lang fr: allowed are en, zh\n")
    with pytest.raises(BadInput):
        speak("de")


def test_a_language_is_spoken_for_a_while_and_no_longer() -> None:
    with speaking("zh"):
        assert (language(), tr("Wrong")) == ("zh", "错误")
        assert tr("{x} is no text of ours", x=["a", "b", "c"]) == "a、b 和 c is no text of ours"
    assert (language(), tr("Wrong")) == ("en", "Wrong")
    assert tr("{n:problem} in {names}", n=1, names=["a", "b", "c"]) == "1 problem in a, b and c"


# Reports -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> GradeRecord:
    folder = tmp_path_factory.mktemp("zh")
    (folder / "hw.py").write_text(WRONG)
    (folder / "a.toml").write_text(SMALL)
    return grade_one(OneJob(folder / "hw.py", folder / "a.toml", sandbox="process"))


def _printed(record: GradeRecord, width: int) -> str:
    out = Console(width=width, record=True, file=None, quiet=False, highlight=False)
    with out.capture() as captured:
        graded_terminal.show(record, out)
    return captured.get()


def test_a_report_is_chinese_but_for_ids_and_what_the_student_printed(record: GradeRecord) -> None:
    with speaking("zh"):
        shown = [_printed(record, 100), graded_pages.as_markdown(record)]
    for text in shown:
        assert "δ(l) 缺少因子 f′(a(l))。" in text
        assert "第 000 讲“综上,误差反向传播求导及调整步骤”" in text
        assert "a line of output" in text
        words = set(re.findall(r"(?<![\w-])[a-z]{3,}(?![\w-])", text))
        ours = {"line", "output", "derivative", "missing", "softmax", "cross", "entropy", "tanh", "rows", "numpy",
                "process", "text", "exp"}  # fmt: skip
        assert words <= ours, words - ours


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_terminal(record: GradeRecord, name: str, width: int) -> None:
    with speaking(name):
        for line in _printed(record, width).split("\n"):
            assert cell_len(line) <= width, line


def test_turning_a_record_twice_changes_nothing_more(record: GradeRecord) -> None:
    for name in LANGUAGES:
        with speaking(name):
            once = spoken.spoken(record)
            assert msgspec.json.encode(spoken.spoken(once)) == msgspec.json.encode(once)


def test_records_are_the_same_in_every_language(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hw.py").write_text(WRONG)
    (tmp_path / "a.toml").write_text(SMALL)
    said = []
    for name in LANGUAGES:
        with pytest.raises(SystemExit):
            compare.app([str(tmp_path / "hw.py"), "--assignment", str(tmp_path / "a.toml"), "--sandbox", "process",
                         "--lang", name, "--json", "-"])  # fmt: skip
        record = msgspec.json.decode(capsys.readouterr().out)
        del record["timings"]
        said.append(record)
    assert said[0] == said[1]


def test_a_sentence_without_a_translation_stays_english(record: GradeRecord) -> None:
    unknown = SaidRecord("no-such-key", {})
    with speaking("zh"):
        assert spoken.sentence(record, unknown) is None
        assert spoken.sentence(record, SaidRecord("raised-at", {"what": unknown, "place": "x"})) is None


def test_sentences_in_columns_speak_of_columns() -> None:
    task = Task(convention="columns", backend="numpy", activations=["tanh"], output="softmax", loss="cross-entropy",
                layers=[1, 2], precision="float64")  # fmt: skip
    record = GradeRecord(submission="a", state="wrong", task=task)
    with speaking("zh"):
        said = spoken.sentence(record, SaidRecord("mistake-derivative-missing", {}))
    assert said == "δ(l) 缺少因子 f′(z(l))。"


def test_a_worked_problem_is_told_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        compare.app(["--explain", "--layers", "1,1,2", "--batch", "1", "--lam", "0", "--lang", "zh"])
    said = capsys.readouterr().out
    assert said.startswith("手算一个网络")
    assert "若 v > 0，否则 0" in said
