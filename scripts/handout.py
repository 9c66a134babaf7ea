"""Make what students get: the command `backproof handout`, from a checkout."""

from verify.commands.handout import app

if __name__ == "__main__":
    app()
