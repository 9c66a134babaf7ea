"""Benchmarks: backproof and the gradient checkers that people use today, side by side in one run.

`verify.benchmarks.tables.TABLES` names the tables; `scripts/benchmark.py` runs and shows them.
"""
