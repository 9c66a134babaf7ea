"""What rounding can explain: bounded numbers, curves, budgets, comparison. Start with bounded.py."""
