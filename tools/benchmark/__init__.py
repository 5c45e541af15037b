"""The benchmark, `make bench`: the cost of staging by overlay, compared with the alternatives.

A section measures and returns Results (results.py). record.py stores them as JSON, with facts about the machine.
table.py, plot.py and speed_page.py show that JSON and measure nothing.
"""
