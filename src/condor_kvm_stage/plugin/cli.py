"""vm-nfs-plugin's command line: the three ways in which HTCondor calls a file transfer plug-in."""

import os
import sys

from .. import __version__

USAGE = """\
usage: vm-nfs-plugin -classad
       vm-nfs-plugin -infile FILE -outfile FILE [-upload]
       vm-nfs-plugin URL DEST

Stage the disk of a VM universe job: make a qcow2 copy-on-write overlay of an image on a shared file system.
HTCondor runs this for every URL in transfer_input_files that begins with nfs://.

  -classad          print what the plug-in supports, as a ClassAd
  -infile FILE      stage each file that a ClassAd in FILE asks for (Url, LocalFileName)
  -outfile FILE     write a result for each file into FILE, as ClassAds
  -upload           asked for by HTCondor for output files; not supported
  URL DEST          stage one file (the protocol's first version); the result is printed
  --help, --version

URL is nfs:///absolute/path/of/image:name or nfs:/absolute/path/of/image:name. The image may be raw or qcow2.
The overlay appears as `name` in the directory of DEST; an existing file is never overwritten.

exit status: 0 staged; 1 not staged, the message says why; 64 wrong usage; 70 a bug in the plug-in
"""

CAPABILITIES = f"""\
MultipleFileSupport = true
PluginType = "FileTransfer"
PluginVersion = "{__version__}"
ProtocolVersion = 2
SupportedMethods = "nfs"
"""


def main(arguments: "list[str]") -> int:
    """Run the plug-in with the arguments after the program's name. Returns the exit status."""
    # First and without importing more: HTCondor asks this before every job's transfer.
    if arguments == ["-classad"]:
        sys.stdout.write(CAPABILITIES)
        return 0
    if arguments and arguments[0] in ("-h", "-help", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if arguments == ["--version"]:
        print(f"vm-nfs-plugin {__version__}")
        return 0
    from . import transfer

    if len(arguments) == 2 and not arguments[0].startswith("-"):
        return _run_single(*arguments)
    options = list(arguments)
    uploading = "-upload" in options
    if uploading:
        options.remove("-upload")
    files = dict(zip(options[::2], options[1::2]))
    if len(options) != 4 or set(files) != {"-infile", "-outfile"}:
        sys.stderr.write(USAGE)
        return os.EX_USAGE
    try:
        return transfer.run_files(files["-infile"], files["-outfile"], uploading)
    except OSError as error:
        print(f"vm-nfs-plugin: cannot write {error.filename or files['-outfile']}: {error.strerror}", file=sys.stderr)
        return transfer.FAILED


def _run_single(source: str, destination: str) -> int:
    """Protocol version 1: the result is printed for HTCondor, in the long format, the message for a human on stderr."""
    from . import classad, transfer

    uploading = destination.lower().startswith("nfs:")
    status, result = transfer.upload(source, destination) if uploading else transfer.download(source, destination)
    sys.stdout.flush()
    sys.stdout.buffer.write(classad.write_long(result))
    if status != transfer.OK:
        print(f"vm-nfs-plugin: {result['TransferError']}", file=sys.stderr)
    return status
