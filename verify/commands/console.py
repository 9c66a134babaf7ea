"""The console command `backproof`: one word for each thing it does."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import version

from verify.commands.command_line import refuse

COMMANDS = {"check": ("verify.commands.check", "a hand-written backward pass, to its own budget")}


def main() -> int:
    """Run the command that the first word names."""
    word, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if word in ("--help", "-h"):
        print("backproof COMMAND …", *(f"  {name:<8} {what}" for name, (_, what) in COMMANDS.items()), sep="\n")
        return 0
    if word == "--version":
        print(f"backproof {version('backproof')}")
        return 0
    if word not in COMMANDS:
        return refuse(f"{word}: allowed are {', '.join(COMMANDS)}")
    sys.argv = [f"backproof {word}", *rest]
    return import_module(COMMANDS[word][0]).app()
