"""Grade a class: the command `backproof grade`, from a checkout."""

from verify.commands.grade import app

if __name__ == "__main__":
    app()
