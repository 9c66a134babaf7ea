"""Problems, witnesses, differences, budgets, comparison and grading."""
