from collections.abc import Callable

Progress = Callable[[str, int, int], None]
