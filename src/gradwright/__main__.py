"""`python -m gradwright`: the command line."""

from gradwright.app.main import run

if __name__ == "__main__":
    run()
