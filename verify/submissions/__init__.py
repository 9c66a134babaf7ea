"""Reading what people hand in. It may import nothing of ours but errors and sentences. Start with submission.py."""
