"""Print the configuration: PYTHONPATH=src:tools python3 -m submitrules"""

from submitrules import snippet

print(snippet.render(), end="")
