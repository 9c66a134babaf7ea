"""The console command `backproof`: one word for each thing it does."""

from __future__ import annotations

import sys
from importlib import import_module

from verify.commands.command_line import refuse, version_line

# word -> the module whose `app` it runs, and what it does in a line. Imported when asked for: most bring torch along.
COMMANDS = {
    "compare": ("verify.commands.compare", "by hand, by autograd, by differences; or one submission graded"),
    "grade": ("verify.commands.grade", "a class: gradebook, records and pages; with --pytest as pytest items"),
    "handout": ("verify.commands.handout", "what students get of an assignment: starter, self-check, STUDENT.md"),
    "autograder": ("verify.commands.autograder", "a folder for Gradescope, ready to be zipped"),
    "train": ("verify.commands.train", "a network on images, by hand or by torch"),
    "figures": ("verify.commands.figures.command", "every example and picture of the decks"),
    "check": ("verify.commands.check", "a hand-written backward pass, to its own budget"),
}


def main() -> int:
    """Run the command that the first word names."""
    word, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if word in ("--help", "-h"):
        print("backproof COMMAND …      (backproof COMMAND --help says more)")
        print(*(f"  {name:<10} {what}" for name, (_, what) in COMMANDS.items()), sep="\n")
        return 0
    if word == "--version":
        print(version_line())
        return 0
    if word not in COMMANDS:
        return refuse(f"{word}: allowed are {', '.join(COMMANDS)}, --help and --version")
    sys.argv = [f"backproof {word}", *rest]
    return import_module(COMMANDS[word][0]).app()
