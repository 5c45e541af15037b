"""The command line of vm-nfs-plugin: the three ways in which HTCondor calls a file transfer plug-in."""

import posix
import sys

from .. import __version__, installed

USAGE = """\
usage: vm-nfs-plugin -classad
       vm-nfs-plugin -infile FILE -outfile FILE [-upload]
       vm-nfs-plugin URL FILE
       vm-nfs-plugin FILE URL

Stage the disk of a VM universe job: make a qcow2 copy-on-write overlay of an
image on a shared file system. HTCondor runs this for every URL in
transfer_input_files that begins with nfs://, and, with -upload, for such a URL
as output_destination or in transfer_output_remaps.

  -classad          print what the plug-in supports, as a ClassAd
  -infile FILE      transfer each file that a ClassAd in FILE asks for (Url,
                    LocalFileName)
  -outfile FILE     write a result for each file into FILE, as ClassAds
  -upload           put files on the share, instead of staging images from it
  URL FILE          stage one image (the protocol's first version); the result
                    is printed
  FILE URL          put one file on the share
  --help, --version

URL is nfs:///absolute/path/of/image:name or nfs://server/export/image:name. The
image may be raw or qcow2. The overlay appears as `name` in the directory of
FILE; an existing file is never overwritten. Options stand before the name, as in
nfs:///srv/x.qcow2?size=40G&mode=copy:name. See vm-nfs-plugin(1). To try an image
as HTCondor does: condor-kvm-stage-genconfig --check nfs:///srv/x.qcow2:name

exit status: 0 done; 64 the request is wrong; 65 the image is missing or refused;
68 the server is not mounted here; 69 the share does not answer, or is not
mounted; 70 a bug in the plug-in; 74 started, but not finished (disk full); 77
not allowed by permissions or policy; 78 the node is not set up
"""

CAPABILITIES = f"""\
MultipleFileSupport = true
PluginType = "FileTransfer"
PluginVersion = "{__version__}"
ProtocolVersion = 4
SupportedMethods = "nfs"
"""


def main(arguments: "list[str]") -> int:
    """Run the plug-in with the arguments after the program's name. Returns the exit status."""
    _drop_privileges()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("vm-nfs-plugin: interrupted", file=sys.stderr)
        return 130  # as shells do


def _run(arguments: "list[str]") -> int:
    # First, and without further imports: HTCondor asks this before every job's transfer.
    if arguments == ["-classad"]:
        sys.stdout.write(CAPABILITIES + _startd_attributes())
        return 0
    if arguments and arguments[0] in ("-h", "-help", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if arguments == ["--version"]:
        print(f"vm-nfs-plugin {__version__}")
        return 0
    if len(arguments) == 2 and not arguments[0].startswith("-"):
        return _run_single(*arguments)
    options = list(arguments)
    uploading = "-upload" in options
    if uploading:
        options.remove("-upload")
    files = dict(zip(options[::2], options[1::2]))
    if len(options) != 4 or set(files) != {"-infile", "-outfile"}:
        sys.stderr.write(USAGE)
        return posix.EX_USAGE
    from . import transfer

    try:
        return transfer.run_files(files["-infile"], files["-outfile"], uploading)
    except OSError as error:
        print(f"vm-nfs-plugin: cannot write {error.filename or files['-outfile']}: {error.strerror}", file=sys.stderr)
        return posix.EX_IOERR


def _drop_privileges() -> None:
    """Become the job's user permanently.

    With RUN_FILETRANSFER_PLUGINS_WITH_ROOT, HTCondor sets only the effective user. qemu-img, which reads untrusted
    files, could then become root again.
    """
    if posix.getuid() != posix.geteuid():
        posix.setresgid(posix.getegid(), posix.getegid(), posix.getegid())
        posix.setresuid(posix.geteuid(), posix.geteuid(), posix.geteuid())


def _run_single(source: str, destination: str) -> int:
    """Run protocol version 1: the result goes to stdout for HTCondor, in the long format, the message to stderr."""
    from .. import classad_writer
    from . import transfer

    uploading = destination[:4].lower() == "nfs:"
    remote, local = (destination, source) if uploading else (source, destination)
    status, result = transfer.Run(uploading).transfer(remote, local)
    sys.stdout.flush()
    result.pop("TransferErrorData", None)  # belongs to protocol 4
    sys.stdout.buffer.write(classad_writer.write_long(result))
    if status:
        print(f"vm-nfs-plugin: {result['TransferError']}", file=sys.stderr)
    return status


def _startd_attributes() -> str:
    """Return the attributes for the slot ad: our version, and those that the generator wrote at boot, if it ran."""
    try:
        with open(installed.SLOT_ATTRIBUTES, encoding="utf-8") as file:
            found = file.read()
    except OSError:
        found = ""
    attributes = f'NfsPluginVersion = "{__version__}"\n{found}'
    names = ",".join(line.split(" ", 1)[0] for line in attributes.splitlines())
    return f'StartdAttrs = "{names}"\n{attributes}'
