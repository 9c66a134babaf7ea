"""Reading what people hand in. Start with submission.py."""
