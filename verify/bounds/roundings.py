"""What elementary functions are assumed to round, and where that stands: the chosen numbers under all budgets and bars.

Everything else in a budget follows from the arithmetic; how exact a library's exp is has to be looked up or measured.
`LIBRARIES` has what is documented, in ulp of the result, and the constants below are what whole textbook forms may take
of it. `tests/test_roundings.py` measures the libraries of the machine at hand and fails beyond what is assumed.

An ulp is up to 2u of the result (u: half the distance from 1 to the next number), so n ulp are 2n roundings at most.

glibc: "Known Maximum Errors in Math Functions" of its manual (x86-64, double). CUDA: the appendix "Mathematical
Functions" of NVIDIA's CUDA C++ Programming Guide, against the correctly rounded result, so half an ulp more against the
exact one; it says itself that its numbers come from extensive, not from exhaustive tests. TF32 is another arithmetic:
torch.backends.cuda.matmul.allow_tf32 has to be off, as it is by default.
"""

from __future__ import annotations

from collections.abc import Mapping

# function -> largest error in ulp: glibc and CUDA in float64, CUDA in float32
GLIBC: Mapping[str, float] = {
    "exp": 1, "expm1": 1, "log": 1, "log1p": 1, "tanh": 2, "erf": 1, "erfc": 5, "sin": 1, "cos": 1,
}  # fmt: skip
CUDA: Mapping[str, float] = {
    "exp": 1, "expm1": 1, "log": 1, "log1p": 1, "tanh": 1, "erf": 2, "erfc": 5, "sin": 2, "cos": 2,
}  # fmt: skip
CUDA_FLOAT32: Mapping[str, float] = {
    "exp": 2, "expm1": 1, "log": 1, "log1p": 1, "tanh": 2, "erf": 2, "erfc": 4, "sin": 2, "cos": 2,
}  # fmt: skip
LIBRARIES: Mapping[str, Mapping[str, float]] = {
    "glibc float64": GLIBC,
    "CUDA float64": CUDA,
    "CUDA float32": CUDA_FLOAT32,
}

# Roundings that any library's function may take of its result: 5½ ulp of erfc on CUDA, the worst, where it is just
# above 1 and an ulp is 2u of it. All others stay below 5.
LIBRARY = 11
ORDINARY = 5

# Roundings of the sizes of the terms that one textbook form of an activation, a softmax or a loss may take. The worst
# of all forms takes 3 on the CPU. On CUDA gelu = a · erfc(−a/√2)/2 takes 7.5: of half of |a| the 11 of erfc, and of |a|
# the division by √2 and two products.
FORM = 8

# Roundings of one evaluation of an activation or loss by the witnesses that need no textbook's form: of differences the
# same as above, gelu on CUDA again. The complex step writes a function out in real and imaginary parts: an exponential,
# sin, cos and atan2 (5 each; CUDA documents 2 ulp for atan2) and some ten operations in one, at most; the same again
# for the loss.
DIFFERENCES = FORM
COMPLEX_STEP = 32
