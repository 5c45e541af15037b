"""The benchmark, `make bench`: what staging by overlay costs, beside what a user would pick instead.

A section measures and returns Results (results.py); record.py keeps them as JSON, with the machine's facts; table.py,
plot.py and speed_page.py show what is in that JSON and measure nothing.
"""
