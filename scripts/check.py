"""Check a hand-written backward pass: the command `backproof check`, from a checkout."""

from verify.commands.check import app

if __name__ == "__main__":
    app()
