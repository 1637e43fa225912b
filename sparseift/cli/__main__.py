"""`python -m sparseift.cli`: as the command `sparseift`, for interpreters whose scripts are not on the path."""

from sparseift.cli.app import main

if __name__ == "__main__":
    main()
