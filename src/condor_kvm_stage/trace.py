"""The traceback of a bug as text. What makes it is imported only then, because that takes up to 20 ms."""


def of(error: BaseException) -> str:
    """Return the traceback; the error alone if the module cannot be imported, for example without a free descriptor."""
    try:
        import traceback

        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except (ImportError, OSError):
        return f"{type(error).__name__}: {error}\n"
