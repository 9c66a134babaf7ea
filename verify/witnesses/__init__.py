"""Independent ways to a gradient, set against one another. Start with against.py."""
