"""libvirt's own schema of a domain (virt-xml-validate's), of the version that this machine has."""

from __future__ import annotations

from lxml import etree

PATH = "/usr/share/libvirt/schemas/domain.rng"  # Debian's libvirt0


class Schema:
    def __init__(self) -> None:
        self._rules = etree.RelaxNG(etree.parse(PATH))

    def fault(self, definition: bytes) -> str:
        """What is wrong with a definition, "" if nothing is."""
        document = etree.fromstring(definition)
        return "" if self._rules.validate(document) else str(self._rules.error_log)
