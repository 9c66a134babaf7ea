"""Train a network on images: the command `backproof train`, from a checkout."""

from verify.commands.train import app

if __name__ == "__main__":
    app()
