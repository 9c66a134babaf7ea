"""Build an autograder for Gradescope: the command `backproof autograder`, from a checkout."""

from verify.commands.autograder import app

if __name__ == "__main__":
    app()
