"""The experiments of the lab pages: exact computations, and short trainings.

They take and return arrays and numbers. Anything slow is a `TaskSteps` for the session's worker
thread.
"""
