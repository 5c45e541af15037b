"""URLs: every form that is meant works, nothing can name a file outside of the scratch directory."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.plugin.url import UrlError, parse


@pytest.mark.parametrize(
    ("url", "image", "name"),
    [
        ("nfs:///srv/images/base.qcow2:disk.qcow2", "/srv/images/base.qcow2", "disk.qcow2"),
        ("nfs:/srv/images/base.qcow2:disk.qcow2", "/srv/images/base.qcow2", "disk.qcow2"),
        ("NFS:///srv/x:y", "/srv/x", "y"),
        ("nfs:///srv/two:colons:y", "/srv/two:colons", "y"),
        ("nfs:///srv/with space/ü.img:A-z_0+9.qcow2", "/srv/with space/ü.img", "A-z_0+9.qcow2"),
    ],
)
def test_image_and_name_are_found_in_every_form(url: str, image: str, name: str) -> None:
    parsed = parse(url)
    assert (parsed.image, parsed.name) == (image, name)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not an nfs URL"),
        ("/srv/x:y", "not an nfs URL"),
        ("https://example.org/x:y", "not an nfs URL"),
        ("nfs://server/export/x:y", "names a server (server)"),
        ("nfs:srv/x:y", "path is not absolute"),
        ("nfs://", "path is not absolute"),
        ("nfs:///srv/x", "does not name the overlay"),
        ("nfs:///srv/x:", "is empty"),
        ("nfs:///srv/x:../y", "contains a slash"),
        ("nfs:///srv/x:/etc/passwd", "contains a slash"),
        ("nfs:///srv/x:..", "begins with a dot"),
        ("nfs:///srv/x:.", "begins with a dot"),
        ("nfs:///srv/x:.job.ad", "begins with a dot"),
        ("nfs:///srv/x:a,b", "contains other characters than"),
        ("nfs:///srv/x:a\nb", "contains other characters than"),
        ("nfs:///srv/x:a<b", "contains other characters than"),
        ("nfs:///srv/x:ü", "contains other characters than"),
    ],
)
def test_bad_url_is_refused_with_the_url_the_reason_and_the_form(url: str, reason: str) -> None:
    with pytest.raises(UrlError) as refused:
        parse(url)
    message = str(refused.value)
    assert reason in message
    assert "nfs:///absolute/path/of/image:name" in message
    assert url.replace("\n", "\\n") in message
    assert "\n" not in message


@given(st.text() | st.text().map("nfs://{}".format) | st.text().map("nfs:///srv/x:{}".format))
def test_whatever_is_parsed_stays_in_the_scratch_directory(url: str) -> None:
    try:
        parsed = parse(url)
    except UrlError as error:
        assert str(error).isprintable()
        return
    assert os.path.isabs(parsed.image)
    assert os.path.normpath(os.path.join("/scratch", parsed.name)) == f"/scratch/{parsed.name}"
    assert os.path.dirname(f"/scratch/{parsed.name}") == "/scratch"
