"""Run lanectl as `python -m lanectl`."""

from lanectl.cli.app import main

if __name__ == "__main__":
    main()
