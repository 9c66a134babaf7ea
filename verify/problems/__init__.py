"""What a gradient depends on: problems, their lines, samples and data. Start with problem.py."""
