"""URLs: every form that is meant works, nothing can name a file outside of the scratch directory, no typo passes."""

from __future__ import annotations

import os
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from condor_kvm_stage.failures import ParameterError
from condor_kvm_stage.plugin.url import parse_stage, parse_upload


@pytest.mark.parametrize(
    ("url", "server", "path", "name"),
    [
        ("nfs:///srv/images/base.qcow2:disk.qcow2", "", "/srv/images/base.qcow2", "disk.qcow2"),
        ("nfs:/srv/images/base.qcow2:disk.qcow2", "", "/srv/images/base.qcow2", "disk.qcow2"),
        ("NFS:///srv/x:y", "", "/srv/x", "y"),
        ("nfs:///srv/two:colons:y", "", "/srv/two:colons", "y"),
        ("nfs:///srv/with space/ü.img:A-z_0+9.qcow2", "", "/srv/with space/ü.img", "A-z_0+9.qcow2"),
        ("nfs:///srv/base.qcow2", "", "/srv/base.qcow2", "base.qcow2"),
        ("nfs:///srv/base.qcow2?size=1G", "", "/srv/base.qcow2", "base.qcow2"),
        ("nfs:///srv/a%2Cb%3Fc%3Ad%25.img:disk", "", "/srv/a,b?c:d%.img", "disk"),
        ("nfs:///srv/%c3%bc.img:d%69sk", "", "/srv/ü.img", "disk"),
        ("nfs://filer/export/x:y", "filer", "/export/x", "y"),
        ("nfs://Filer.Example.org//export/x:y", "filer.example.org", "//export/x", "y"),
        ("nfs://[fe80::1]/export/x:y", "[fe80::1]", "/export/x", "y"),
        ("nfs://filer:/export/x:y", "filer", "/export/x", "y"),
        ("nfs://filer:2049/export/x:y", "filer", "/export/x", "y"),
        ("nfs://filer:2050/export/x", "filer:2050", "/export/x", "x"),
        ("nfs://filer./export/x:y", "filer", "/export/x", "y"),
    ],
)
def test_image_and_name_are_found_in_every_form(url: str, server: str, path: str, name: str) -> None:
    wanted = parse_stage(url)
    assert (wanted.server, wanted.path, wanted.name) == (server, path, name)
    assert (wanted.format, wanted.copy) == ("", False)


def test_options_stand_before_the_name() -> None:
    wanted = parse_stage("nfs:///srv/x.qcow2?size=40G&format=raw&mode=copy:disk.img")
    assert (wanted.path, wanted.name) == ("/srv/x.qcow2", "disk.img")
    assert (wanted.size, wanted.format, wanted.copy) == (40 << 30, "raw", True)
    assert parse_stage("nfs:///srv/x?mode=overlay:y").copy is False


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not an nfs URL"),
        ("/srv/x:y", "not an nfs URL"),
        ("/srv/x:y", "not an nfs URL; write nfs:///srv/x:y"),
        ("filer:/export/x:y", "not an nfs URL; write nfs://filer/export/x:y"),
        ("nfs4://filer/x:y", "not an nfs URL; write nfs://filer/x:y"),
        ("file:///srv/x:y", "not an nfs URL; write nfs:///srv/x:y"),
        ("https://example.org/x:y", "not an nfs URL; write nfs:///absolute/path/of/image:name"),
        ("srv/x:y", "not an nfs URL; write nfs:///absolute/path/of/image:name"),
        ("nfs:relative/x:y", "path is not absolute"),
        ("nfs:", "path is not absolute"),
        ("nfs://", "path is not absolute"),
        ("nfs://filer", "path is not absolute"),
        ("nfs://user@filer/x:y", "'user@' is not possible, NFS URLs have no user; leave it out"),
        ("nfs://filer:export/x:y", "'export', after the server's colon, is not a port"),
        ("nfs:///srv/x:", "name '' is empty; use a plain file name"),
        ("nfs:///srv/dir/", "name '' is empty; append a colon"),
        ("nfs:///srv/x:../y", "contains a slash"),
        ("nfs:///srv/a:b/x", "contains a slash (the last colon is before the name; write one in the path as %3A)"),
        ("nfs:///srv/x:..", "begins with a dot"),
        ("nfs:///srv/x:.hidden", "begins with a dot"),
        ("nfs:///srv/x:a%2Fb", "contains a slash"),
        ("nfs:///srv/x:a b", "contains characters other"),
        ("nfs:///srv/x:a%0Ab", "contains characters other"),
        ("nfs:///srv/x:a,b", "contains characters other"),
        ("nfs:///srv/x:ü", "contains characters other"),
        ("nfs:///srv/my disk.img", "contains characters other than ASCII letters, digits and . _ + -; append a colon"),
        ("nfs:///srv/x:" + "a" * 201, "longer than 200"),
        ("nfs:///srv/x:disk?size=1G", "options go before the name"),
        ("nfs:///srv/x%zz:y", "'%zz' is not a percent-escape"),
        ("nfs:///srv/x%4", "'%4' is not a percent-escape"),
        ("nfs:///srv/x%00:y", "contains a NUL"),
        ("nfs:///srv/x\0:y", "contains a NUL"),
        ("nfs:///srv/x?:y", ""),
        ("nfs:///srv/x?sise=1G:y", "unknown option 'sise=1G'; did you mean size=1G; known options are size="),
        ("nfs:///srv/x?Size=40G:y", "unknown option 'Size=40G'; did you mean size=40G; known options are size="),
        ("nfs:///srv/x?fromat=raw:y", "did you mean format=raw"),
        ("nfs:///srv/x? mode=copy:y", "did you mean mode=copy"),
        ("nfs:///srv/x?colour=red:y", "unknown option 'colour=red'; known options are size="),
        ("nfs:///srv/x?overwrite=yes:y", "unknown option 'overwrite=yes'; it is for output, not for an image; known"),
        ("nfs:///srv/x?size:y", "unknown option 'size'; write it with a value, size=…"),
        ("nfs:///srv/x?size=1G&:y", "unknown option ''; there is an & too many"),
        ("nfs:///srv/x?size=1G&size=2G:y", "the option size is given twice"),
        ("nfs:///srv/x?size=large:y", "'large' is not a size; write bytes, or a number with a suffix K, M, G"),
        ("nfs:///srv/x?size=0:y", "not a possible size of a disk"),
        ("nfs:///srv/x?size=8E:y", "not a possible size of a disk"),
        ("nfs:///srv/x?size=-1G:y", "'-1G' is not a size"),
        ("nfs:///srv/x?size=²:y", "is not a size"),
        ("nfs:///srv/x?size=40GB:y", "'40GB' is not a size; write bytes, or a number with a suffix K, M, G, T, P or E"),
        ("nfs:///srv/x?size=40GB:y", "as 40G; did you mean size=40G"),
        ("nfs:///srv/x?size=40 gib:y", "did you mean size=40G"),
        ("nfs:///srv/x?size=+1T:y", "did you mean size=1T"),
        ("nfs:///srv/x?size=1,mode=copy:y", "options are joined by &"),
        ("nfs:///srv/x?format=QCOW2:y", "format is 'QCOW2'; did you mean format=qcow2"),
        ("nfs:///srv/x?format=qcow:y", "format is 'qcow'; did you mean format=qcow2"),
        ("nfs:///srv/x?mode=Copy:y", "did you mean mode=copy"),
        ("nfs:///srv/x?mode=copy;size=1G:y", "mode is 'copy;size=1G'; join options by &, and write mode=overlay or"),
        ("nfs:///srv/x?size=1G:d.qcow2:vda:w:qcow2", "after the options 'size=1G' only the disk's name follows"),
        ("nfs:///srv/x?size=1G:d.qcow2:vda:w:qcow2", "write …?size=1G:d.qcow2, and device, permission and format in"),
        ("nfs:///srv/x?size=1G&mode=copy:a:b", "after the options 'size=1G&mode=copy' only the disk's name"),
        ("nfs:///srv/what?:now:y", "unknown option ':now'"),
        ("nfs:///srv/x?format=vmdk:y", "format is 'vmdk'; write format=raw or format=qcow2"),
        ("nfs:///srv/x?mode=link:y", "mode is 'link'; write mode=overlay or mode=copy"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(url: str, reason: str) -> None:
    if not reason:
        assert parse_stage(url).path == "/srv/x"  # an empty query asks for nothing
        return
    with pytest.raises(ParameterError) as caught:
        parse_stage(url)
    assert reason in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("url", "server", "path", "overwrite", "standalone"),
    [
        ("nfs:///srv/out/", "", "/srv/out/disk", False, False),
        ("nfs:///srv/out/other.name", "", "/srv/out/other.name", False, False),
        ("nfs:///srv/out/a:b", "", "/srv/out/a:b", False, False),
        ("nfs://filer/out/x?overwrite=yes", "filer", "/out/x", True, False),
        ("nfs:///srv/out/x?overwrite=no&standalone=yes", "", "/srv/out/x", False, True),
        # as HTCondor appends the file's name to output_destination
        ("nfs:///srv/out?overwrite=yes/disk", "", "/srv/out/disk", True, False),
        ("nfs:///srv/out/?overwrite=yes/disk", "", "/srv/out/disk", True, False),
        ("nfs:///srv/out//disk", "", "/srv/out/disk", False, False),
        ("nfs:////disk", "", "/disk", False, False),
    ],
)
def test_output_file_has_its_place(url: str, server: str, path: str, overwrite: bool, standalone: bool) -> None:
    wanted = parse_upload(url, "disk")
    assert (wanted.server, wanted.path) == (server, path)
    assert (wanted.overwrite, wanted.standalone) == (overwrite, standalone)


@pytest.mark.parametrize("name", ["50%.txt", "a%41.txt", "a?b", "a:b&c", "100%", "?overwrite=yes", "a\udcffb", "%2F"])
@pytest.mark.parametrize(
    ("destination", "directory", "overwrite"),
    [
        ("nfs:///srv/out", "/srv/out", False),
        ("nfs:///srv/out/", "/srv/out", False),
        ("nfs:///srv/out?overwrite=yes", "/srv/out", True),
        ("nfs:///srv/o%75t%3F/%25?overwrite=yes", "/srv/out?/%", True),
        ("nfs:///srv/o%75t%3F/%25", "/srv/out?/%", False),
    ],
)
def test_name_that_htcondor_appends_is_taken_as_it_is(
    destination: str, directory: str, overwrite: bool, name: str
) -> None:
    """Nobody can have written it with escapes: it is what the job called its file."""
    wanted = parse_upload(f"{destination}/{name}", name)
    assert (wanted.path, wanted.overwrite) == (f"{directory}/{name}", overwrite)


@pytest.mark.parametrize("name", ["50%.txt", "a%41.txt", "a?b"])
def test_directory_whose_url_ends_in_a_slash_gets_the_files_own_name(name: str) -> None:
    assert parse_upload("nfs:///srv/o%75t/", name).path == f"/srv/out/{name}"


def test_name_that_the_job_wrote_itself_is_decoded() -> None:
    assert parse_upload("nfs:///srv/out/50%25.txt", "disk").path == "/srv/out/50%.txt"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("nfs:///srv/x?overwrite=1", "overwrite is '1'; write overwrite=yes or overwrite=no"),
        ("nfs:///srv/x?overwrite=Yes", "overwrite is 'Yes'; did you mean overwrite=yes"),
        ("nfs:///srv/x?Overwrite=yes", "unknown option 'Overwrite=yes'; did you mean overwrite=yes"),
        ("filer:/export/", "not an nfs URL; write nfs://filer/export/"),
        ("nfs:///srv/x?size=1G", "unknown option 'size=1G'; it is for an image, not for output; known options"),
        ("nfs:///srv/x?sise=1G", "unknown option 'sise=1G'; known options are overwrite=, standalone="),
        ("nfs:srv/x", "path is not absolute; write nfs:///absolute/directory/"),
    ],
)
def test_upload_that_cannot_be_meant_is_refused_with_the_reason(url: str, reason: str) -> None:
    with pytest.raises(ParameterError) as caught:
        parse_upload(url, "disk")
    assert reason in str(caught.value)


@given(st.text() | st.text("nfs:/?&=%.ao0 \n\0").map("nfs:/".__add__))
def test_whatever_the_url_the_name_is_a_plain_file_name(url: str) -> None:
    try:
        wanted = parse_stage(url)
    except ParameterError as error:
        assert str(error).isprintable()
    else:
        assert wanted.name == os.path.basename(wanted.name)
        assert wanted.name not in ("", ".", "..")
        assert wanted.name.isascii()
        assert wanted.name.isprintable()
        assert not set(wanted.name) & set(":, /\\'\"<>&")
        assert wanted.path.startswith("/")
        assert "\0" not in wanted.path


@given(st.text(), st.text(min_size=1).filter(lambda name: "/" not in name and "\0" not in name))
def test_whatever_the_url_an_upload_has_an_absolute_path(url: str, name: str) -> None:
    try:
        wanted = parse_upload("nfs:/" + url, name)
    except ParameterError as error:
        assert str(error).isprintable()
    else:
        assert wanted.path.startswith("/")
        assert "\0" not in wanted.path


@given(st.text(min_size=1).filter(lambda text: "\0" not in text))
def test_any_path_can_be_written_with_percent_escapes(path: str) -> None:
    assert parse_stage(f"nfs:///{quote(path)}:disk").path == "/" + path


@given(st.integers(1, 2**63 - 1))
def test_sizes_in_bytes_are_exact(size: int) -> None:
    assert parse_stage(f"nfs:///x?size={size}:y").size == size
