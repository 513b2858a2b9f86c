"""The exception for data that cannot be loaded."""


class DataError(Exception):
    """A data set cannot be loaded or prepared. The message says what to do."""
