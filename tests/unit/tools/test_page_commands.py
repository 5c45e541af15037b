"""How the tests read the commands of a page."""

from __future__ import annotations

from support.page_commands import Command, commands

PAGE = """\
# A heading is no command

```console
# make image
```

```
$ not marked
```

```console
$ cat > a << 'END'
# $ of the document
END
$ cat a
# $ of the document?
shown
```
"""


def test_commands_come_in_order_with_here_documents_and_what_they_print() -> None:
    assert commands(PAGE) == [
        Command(True, "make image", []),
        Command(False, "cat > a << 'END'\n# $ of the document\nEND", []),
        Command(False, "cat a", []),
        Command(True, "$ of the document?", ["shown"]),
    ]
