"""`python -m h2b` is the command `h2b`."""

from h2b.cli.main import main

if __name__ == "__main__":
    main()
