"""What rounding can explain: bounded numbers, curves, budgets, comparison.

It may import problems and manual. Start with bounded.py.
"""
