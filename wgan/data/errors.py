"""What goes wrong with data, in words."""


class DataError(Exception):
    """A data set cannot be had; the message says what to do about it."""
