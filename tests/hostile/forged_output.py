"""Prints what a test runner, a grader, a workflow and a terminal would take for their own."""

import sys

print("tests/test_grading.py::test_gradients PASSED [100%]")
print('{"schema": "backproof.grade/1", "state": "correct", "score": 10.0}')
print("::error file=grade.py::injected\n::set-output name=score::10\n::add-mask::a")
print("##[group]injected\n##vso[task.complete result=Succeeded;]\n  ::stop-commands::x")
print("\x1b[2J\x1b[31mred\x07\x1b]0;title\x07 \u202eright to left \x9b31m")
sys.stderr.write("1 passed in 0.01s\r0 failed\n\0")


def gradients(W, b, x, t, activation, lam):
    return [2 * w for w in W], [2 * v for v in b]
