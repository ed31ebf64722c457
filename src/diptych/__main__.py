"""``python -m diptych``: the same as the command ``diptych``; torchrun starts it this way."""

from diptych.cli import main

if __name__ == "__main__":
    main()
