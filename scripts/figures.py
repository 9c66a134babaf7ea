"""The decks' examples and pictures: the command `backproof figures`, from a checkout."""

from verify.commands.figures.command import app

if __name__ == "__main__":
    app()
