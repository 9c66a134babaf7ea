"""The main job, one submission graded, or a problem worked line by line: `backproof compare`, from a checkout."""

from verify.commands.compare import app

if __name__ == "__main__":
    app()
