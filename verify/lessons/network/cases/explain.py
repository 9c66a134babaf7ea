"""The whole working of a small problem, with the slides' equations and their numbers."""

from __future__ import annotations

from functools import partial

from verify.grading.assignment import Assignment, read_assignment
from verify.grading.explain_record import ExplainJob, ExplainRecord
from verify.grading.values import as_lists
from verify.lessons.network.cases.drawing import Shape
from verify.lessons.network.cases.ladder import rung
from verify.lessons.network.cases.terms import formulas, working_line
from verify.problems.job import check_lam, check_names, check_penalty
from verify.problems.lines import names
from verify.problems.problem import Problem

_LAM = 1.0


def explain(job: ExplainJob) -> ExplainRecord:
    """The working of the problem that is asked for. Raises BadInput for what is no problem, or none to do by hand."""
    job.check()
    asked = _assignment(job)
    columns = asked.convention == "columns"
    p = _problem(job, asked)
    net = p.work()
    lists = partial(as_lists, columns=columns)
    return ExplainRecord(
        convention=asked.convention, layers=list(p.layers), batch=p.N, activation=p.activation, output=p.output,
        loss=p.loss, lam=p.lam, penalty=p.penalty, seed=job.seed, W=list(map(lists, p.W)),
        b=list(map(lists, p.b)), x=lists(p.x), t=lists(p.t), formulas=formulas(net),
        working=[working_line(net, name, columns=columns) for name in names(p.L)],
    )  # fmt: skip


def _assignment(job: ExplainJob) -> Assignment:
    """The assignment's convention and constants, with the activation, output, loss and penalty that were asked for."""
    given = read_assignment(job.assignment)
    activation = given.activations[0] if job.activation is None else job.activation
    output = given.output if job.output is None else job.output
    loss = given.loss if job.loss is None else job.loss
    penalty = given.penalty if job.penalty is None else job.penalty
    check_names(activation, output, loss)
    check_penalty(penalty)
    return Assignment(
        convention=given.convention, activations=(activation,), output=output, loss=loss, biases=given.biases,
        l2=given.l2, penalty=penalty, activation=given.activation,
        losses=given.losses,
    )  # fmt: skip


def _problem(job: ExplainJob, asked: Assignment) -> Problem:
    lam = _LAM * asked.l2 if job.lam is None else job.lam
    check_lam(lam)
    shape = Shape(job.batch, job.layers, asked.activations[0], lam)
    return rung(asked, shape, "explained", job.seed)
