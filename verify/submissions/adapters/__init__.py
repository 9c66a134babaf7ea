"""Adapters for forms that existing exercises have; an assignment names one: adapter = "dict"."""
