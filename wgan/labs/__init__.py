"""Small experiments of the lab pages: what one moves, what happens, exactly or trained on the spot.

Arrays and numbers out; what takes longer than a glance is `TaskSteps` for the session's one worker.
"""
