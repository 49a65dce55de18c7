"""Trials run again to be looked at: do their bits agree, what does the net do, how do errors flow in it."""
