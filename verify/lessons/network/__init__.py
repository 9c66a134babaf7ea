"""The slides' network as a lesson: its mistakes, and how they are found. Start with diagnosis.py, then mistakes.py."""
