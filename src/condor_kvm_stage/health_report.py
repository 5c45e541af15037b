"""What the node's last look at itself has found: installed.HEALTH, a ClassAd in the long format."""

OLD = 600  # seconds after which it is not known any more


def parse(text: str, now: float) -> "dict[str, str]":
    """Return the expressions of the attributes by their names, {} if the look was too long ago. now: Unix time."""
    found = {name: value for name, _, value in (line.partition(" = ") for line in text.splitlines())}
    checked = found.get("Checked", "")
    return found if checked.isdecimal() and now - int(checked) <= OLD else {}


def words(expression: str) -> str:
    """Return the value of a string, as classad_writer.write_long() writes it."""
    return expression[1:-1].replace('\\"', '"') if expression.startswith('"') else expression
