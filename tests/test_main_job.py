"""The main job as a function: what it judges, the record it gives, the sweep, and that a wrong line comes out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import msgspec
import pytest
import torch

from manual import ACTIVATIONS, PAIRS, SLIDES, work
from verify.commands import main_job
from verify.commands.main_job import available_device, judge, main_problem, run
from verify.errors import BadInput
from verify.problems.choices import ACTIVATIONS as ALLOWED_ACTIVATIONS
from verify.problems.choices import LOSSES, OUTPUTS
from verify.problems.job import Job, check_names, layers_of
from verify.problems.lines import names
from verify.problems.problem import Problem
from verify.problems.samples import LAMBDAS, SHAPES, Shape, sample, seeded, sweep
from verify.problems.written import PENALTIES
from verify.reports import html, markdown, words
from verify.witnesses.against import autograd_witness
from verify.witnesses.record import CompareRecord, WitnessPart

SMALL = Job(layers=(784, 6, 5, 10), batch=3, sweep=4)


def plant(monkeypatch: pytest.MonkeyPatch, **equations) -> None:
    """The manual witness with one equation replaced."""
    monkeypatch.setattr("verify.witnesses.against.work", partial(work, equations=replace(SLIDES, **equations)))


def same(record: CompareRecord) -> CompareRecord:
    """The record without what differs from run to run: the seconds."""
    witnesses = tuple(msgspec.structs.replace(w, seconds=0.0) for w in record.witnesses)
    return msgspec.structs.replace(
        record, witnesses=witnesses, sweep=msgspec.structs.replace(record.sweep, seconds=0.0)
    )


def test_the_slides_network_on_real_images() -> None:
    record = run(Job(sweep=0))
    assert record.agree
    assert record.problem.layers == (784, 256, 128, 10)
    assert record.problem.parameters == 235_146
    assert [w.name for w in record.witnesses] == ["manual", "autograd", "finite-differences"]  # no complex ReLU
    assert record.witnesses[2].parameters_checked == 235_146
    assert record.witnesses[2].inconclusive == 0
    assert {line.verdict for line in record.lines} == {"agree"}
    assert record.detection_limit["manual/autograd"] is not None
    assert record.detection_limit["manual/autograd"] <= 1e-13
    assert record.detection_limit["manual/finite-differences"] is not None
    assert record.detection_limit["manual/finite-differences"] <= 1e-7


@pytest.mark.parametrize(
    ("penalty", "added", "term"), [("lam", "λ Σ", "2λ W(1)"), ("lam/(2N)", "(λ/(2N)) Σ", "(λ/N) W(1)")]
)
def test_another_penalty_is_judged_and_written(penalty: str, added: str, term: str) -> None:
    record = run(msgspec.structs.replace(SMALL, penalty=penalty, lam=0.5))
    assert record.agree
    equations = {line.name: line.equation for line in record.lines}
    assert added in equations["E"]
    assert term in equations["dW1"]
    assert added in dict(words.problem_rows(record))["network"]


def test_every_line_of_every_pair_in_the_slides_order() -> None:
    record = run(msgspec.structs.replace(SMALL, activation="tanh"))
    by_pair = {other: [line.name for line in record.lines if line.pair == ("manual", other)] for other in
               ("autograd", "finite-differences", "complex-step")}  # fmt: skip
    backward = [name for name in names(3) if name.startswith("d")]
    assert by_pair == {"autograd": list(names(3)), "finite-differences": backward, "complex-step": backward}
    assert set(record.detection_limit) == {f"manual/{other}" for other in by_pair}


def test_one_seed_one_record() -> None:
    assert same(run(SMALL)) == same(run(SMALL))
    other = run(msgspec.structs.replace(SMALL, seed=1))
    assert same(other) != same(run(SMALL))
    assert not torch.equal(main_problem(SMALL).x, main_problem(msgspec.structs.replace(SMALL, seed=1)).x)


def test_the_first_images_and_weights_do_not_depend_on_the_dtype() -> None:
    narrow = main_problem(msgspec.structs.replace(SMALL, dtype="float32"))
    assert narrow.dtype is torch.float32
    assert torch.equal(narrow.W[0], main_problem(SMALL).W[0].to(torch.float32))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("output", "loss"),
    [("sigmoid", "binary-cross-entropy"), ("tanh", "squared-error"), ("softmax", "mean-squared-error")],
)
def test_other_losses_and_dtypes(output: str, loss: str, dtype: str) -> None:
    job = msgspec.structs.replace(SMALL, output=output, loss=loss, dtype=dtype, activation="gelu")
    record = run(job)
    assert record.agree
    assert record.problem.dtype == dtype


def test_a_wrong_equation_disagrees_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, mean=lambda net, total: total)
    record = run(SMALL)
    assert not record.agree
    wrong = [line for line in record.lines if line.verdict == "disagree"]
    assert {line.name for line in wrong} == {"dW1", "dW2", "dW3", "db1", "db2", "db3"}
    assert {line.pair[1] for line in wrong} == {"autograd", "finite-differences"}
    first = wrong[0]
    assert (first.name, len(first.index)) == ("dW3", 2)
    assert first.ratio is not None
    assert first.ratio > 1e6
    assert record.sweep.disagreements > 0
    assert record.sweep.failures[0].line.startswith("d")


def test_what_only_the_sweep_shows_is_a_disagreement_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slope that is wrong for sigmoid alone does not touch the ReLU network."""
    wrong = lambda net, l: net.f.derivative(net.a[l]) * (2 if net.f.name == "sigmoid" else 1)
    plant(monkeypatch, slope=wrong)
    record = run(msgspec.structs.replace(SMALL, sweep=33))
    assert {line.verdict for line in record.lines} == {"agree"}
    assert not record.agree
    assert all("sigmoid" in failure.problem for failure in record.sweep.failures)


def test_nothing_decided_is_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    def open_everywhere(problem):
        witness = autograd_witness(problem)
        return replace(witness, bars={name: bar + float("inf") for name, bar in witness.bars.items()})

    monkeypatch.setattr(main_job, "CHECKS", (main_job.Check(open_everywhere),))
    monkeypatch.setattr(main_job, "shared_rounding", lambda problem, first, second: None)
    record = run(msgspec.structs.replace(SMALL, sweep=0))
    assert {line.verdict for line in record.lines} == {"inconclusive"}
    assert not record.agree
    assert record.detection_limit == {"manual/autograd": None}


def test_not_finite_is_no_number_in_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, bias_terms=lambda net, l: net.delta[l].sum(0) * float("nan"))
    record = run(msgspec.structs.replace(SMALL, sweep=0))
    line = next(line for line in record.lines if line.name == "db3")
    assert (line.verdict, line.worst_error, line.values[0]) == ("not finite", None, None)
    assert "NaN" not in record.json()


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    run(SMALL, lambda *step: told.append(step))
    assert told == [("main", 0, 1), ("main", 1, 1), *(("sweep", i, 4) for i in range(5))]


# The sweep -----------------------------------------------------------------------------------------------------------


def test_the_sweep_covers_what_it_promises() -> None:
    problems = list(sweep(Job().sweep, 0))
    assert len(problems) >= 100
    assert {p.activation for p in problems} == set(ACTIVATIONS)
    assert {p.loss for p in problems} == set(LOSSES)
    assert {p.lam for p in problems} == set(LAMBDAS)
    assert 0.0 in LAMBDAS
    assert {(p.layers, p.N) for p in problems} == {(shape.layers, shape.batch) for shape in SHAPES}
    assert {1} <= {p.N for p in problems}
    assert {1} <= {p.L for p in problems}
    assert any(set(p.layers) == {1} for p in problems)
    assert any(p.loss == "squared-error" and p.layers[-1] > 1 for p in problems)
    assert {p.output for p in problems if p.loss == "squared-error"} == set(OUTPUTS)
    assert {p.penalty for p in problems if p.lam > 0} == set(PENALTIES)


def test_the_sweep_is_the_seed_s() -> None:
    first, again, other = (list(sweep(5, seed)) for seed in (0, 0, 1))
    assert all(torch.equal(p.W[0], q.W[0]) and torch.equal(p.t, q.t) for p, q in zip(first, again, strict=True))
    assert not any(torch.equal(p.W[0], q.W[0]) for p, q in zip(first, other, strict=True))


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_targets_of_squared_error_are_within_reach(name: str) -> None:
    """Of some score between −600 and 600 the output is less than the target, of some more."""
    problem = sample(seeded(0), Shape("", (2, 3), 200), activation="relu", output=name, loss="squared-error")
    reached = problem.pair.y(torch.linspace(-600, 600, 1001, dtype=torch.float64).unsqueeze(1))
    assert float(problem.t.min()) >= float(reached.min())
    assert float(problem.t.max()) <= float(reached.max())


def test_pre_activations_are_not_0_by_rule() -> None:
    outcome = judge(main_problem(msgspec.structs.replace(SMALL, layers=(784, 64, 10), batch=32)))
    assert not any((a == 0).any() for name, a in outcome.witnesses[0].lines.items() if name.startswith("a"))


# What is asked for ---------------------------------------------------------------------------------------------------

BAD = [
    ({"activation": "sine"}, "activation 'sine' is not known; allowed are relu, leaky_relu"),
    ({"output": "sine"}, "output 'sine' is not known; allowed are softmax, relu"),
    ({"loss": "absolute"}, "loss 'absolute' is not known; allowed are cross-entropy, binary"),
    ({"output": "tanh"}, "output 'tanh' with loss 'cross-entropy': allowed with cross-entropy is softmax"),
    ({"lam": -1e-3}, "lam -0.001: allowed is a finite number, 0 or more"),
    ({"lam": float("nan")}, "lam nan: allowed is a finite number"),
    ({"lam": float("inf")}, "lam inf: allowed is a finite number"),
    ({"layers": (784,)}, "layers '784': allowed are two or more whole numbers"),
    ({"layers": (784, 0, 10)}, "layers '784,0,10': allowed are two or more whole numbers, each at least 1"),
    (
        {"layers": (784, 10**9, 10)},
        r"layers '784,1000000000,10': 795,000,000,010 parameters; allowed are up to 10,000,000",
    ),
    ({"layers": (700, 10)}, "layers '700,10' begin with 700: allowed is 784, the pixels of an image of fashion-mnist"),
    ({"layers": (784, 12)}, "layers '784,12' end with 12: allowed is 10"),
    ({"batch": 0}, "batch 0: allowed is a whole number from 1 on"),
    ({"batch": 10**6}, r"a batch of 1000000 images: allowed is 1 to \d+, the training images of fashion-mnist"),
    ({"sweep": -1}, "sweep -1: allowed is a whole number from 0 to 100000"),
    ({"seed": -1}, "seed -1: allowed is a whole number from 0 to 9223372036854775807"),
    ({"data": "imagenet"}, "data imagenet: allowed are fashion-mnist, mnist and a folder"),
    ({"device": "tpu"}, "device 'tpu' is not known; allowed are cpu, cuda"),
    ({"dtype": "float16"}, "dtype 'float16' is not known; allowed are float64, float32"),
]


@pytest.mark.parametrize(("change", "message"), BAD, ids=[str(next(iter(change.items()))) for change, _ in BAD])
def test_a_bad_job_says_the_value_and_what_is_allowed(change: dict, message: str) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        main_problem(msgspec.structs.replace(SMALL, **change))
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is there, so asking for it is no bad input")
def test_a_device_that_is_not_there_gives_torch_s_own_reason() -> None:
    with pytest.raises(BadInput, match="device 'cuda': .*(NVIDIA|CUDA)"):
        available_device("cuda")


@pytest.mark.parametrize("text", ["", "784", "784,10", " 784 , 10 "])
def test_layers_are_numbers_with_commas(text: str) -> None:
    if text:
        assert layers_of(text)[0] == 784
    else:
        with pytest.raises(BadInput, match="layers '': allowed are whole numbers"):
            layers_of(text)


@pytest.mark.parametrize("text", ["784;10", "784,ten", "784,,10", "784,1.5", "0x10,10", "784,10,"])
def test_layers_that_are_none(text: str) -> None:
    with pytest.raises(BadInput, match=f"layers '{text}': allowed are whole numbers"):
        layers_of(text)


def test_the_light_checks_know_what_the_network_knows() -> None:
    """verify.problems.job checks names without torch; the lists must be those of manual/."""
    assert ALLOWED_ACTIVATIONS == ACTIVATIONS
    for output in OUTPUTS:
        for loss in LOSSES:
            if (output, loss) in PAIRS:
                check_names("relu", output, loss)
            else:
                with pytest.raises(BadInput):
                    check_names("relu", output, loss)


def test_the_record_survives_json() -> None:
    record = run(msgspec.structs.replace(SMALL, sweep=1))
    assert msgspec.json.decode(record.json(), type=CompareRecord) == record
    assert WitnessPart("manual", 0.5) == record.witnesses[0] or record.witnesses[0].name == "manual"


# The exact witness ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("activation", "dtype"), [("tanh", "float64"), ("relu", "float64"), ("gelu", "float32")])
def test_the_exact_witness_lets_everybody_off(activation: str, dtype: str) -> None:
    record = run(msgspec.structs.replace(SMALL, activation=activation, dtype=dtype, exact=True, sweep=0))
    assert record.agree
    assert record.exact is not None
    assert record.exact.parameters == record.problem.parameters
    assert record.exact.open == 0
    assert {line.line for line in record.exact.lines if line.witness == "manual"} == set(names(3))
    assert not any(line.off for line in record.exact.lines)
    worst = max(line.median_ulp for line in record.exact.lines if line.witness == "manual" if line.median_ulp)
    assert worst < 100
    assert "manual/exact" in record.detection_limit
    assert "Every witness is as near to it as it says." in words.exact_sentence(record)


def test_the_exact_witness_says_who_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, slope=lambda net, l: net.f.derivative(net.a[l]) * (1 + 1e-9))
    record = run(msgspec.structs.replace(SMALL, activation="tanh", exact=True, sweep=0))
    assert not record.agree
    assert record.exact is not None
    assert {line.witness for line in record.exact.lines if line.off} == {"manual"}
    first = next(line for line in record.exact.lines if line.off)
    assert first.line == "delta2"
    assert first.worst_ulp is not None
    assert 1e6 < first.worst_ulp < 1e8  # 1e-9 in units of 1e-16
    assert "Manual is off, first on delta2 by up to " in words.exact_sentence(record)
    for text in (html.render(record), markdown.render(record)):
        assert "Manual is off, first on delta2" in text


def test_without_flint_the_exact_witness_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match="needs python-flint.*pip install -c constraints.txt python-flint") as caught:
        run(msgspec.structs.replace(SMALL, exact=True))
    assert "\n" not in str(caught.value)


def too_deep() -> Problem:
    """Twelve layers of weights that grow by 4 each: no step is short enough for what is above and long for rounding."""
    return sample(seeded(0), Shape("", (3, *[24] * 12, 2), 2), activation="tanh", gain=4.0)


def test_what_is_undecided_in_the_sweep_is_no_disagreement_and_no_agreement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_job.samples, "sweep", lambda problems, seed: [too_deep()])
    record = run(SMALL)
    assert not record.agree
    assert (record.sweep.disagreements, record.sweep.undecided) == (0, 1)
    assert [failure.verdict for failure in record.sweep.failures] == ["inconclusive"]
    assert words.outcome(record) == "inconclusive"
    said = (
        "The network agrees; in the sweep nothing disagrees, but in 1 problem no entry of some line could be decided. "
    )
    assert words.conclusion(record).startswith(said)
    assert "no disagreement" in words.sweep_sentence(record.sweep)


def test_the_largest_limit_stands_beside_the_median() -> None:
    record = run(msgspec.structs.replace(SMALL, sweep=0))
    largest = record.largest_limit["manual/autograd"]
    assert largest is not None
    assert f"(medians; the largest: {words.size(largest)} by autograd" in words.conclusion(record)


def test_where_bounds_are_too_wide_it_is_inconclusive() -> None:
    problem = too_deep()
    outcome = judge(problem)
    assert not outcome.disagreements
    undecided = {c.line for c in outcome.undecided_lines if c.pair[1] == "finite-differences"}
    assert "dW1" in undecided
    assert f"dW{problem.L}" not in undecided


def test_the_deep_network_is_decided_at_its_own_point() -> None:
    """From the inputs a budget grows by the root of the width in each layer; at the stored point it does not."""
    problem = sample(seeded(0), Shape("", (20, *[32] * 6, 5), 2), activation="tanh")
    for c in judge(problem).comparisons:
        assert c.agrees, (c.line, c.pair)
