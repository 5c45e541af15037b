"""The programs that create a job's disk, or its copy of the image: our plug-in, and the alternatives."""

from __future__ import annotations

from collections.abc import Sequence

from .scene import SEED_PLUGIN, SHARE
from .timing import JOB, Variant

PLUGIN = "vm-nfs-plugin"
SEED = "bash plug-in"
CURL = "curl_plugin"
COPY = "cp"
QEMU_IMG = "qemu-img create"
PLUGIN_PATH = f"/usr/local/bin/{PLUGIN}"
HTCONDOR_PLUGINS = "/usr/libexec/condor"
# The out-file already exists, with about this many bytes (HTCondor's manual, "File Transfer Plug-Ins")
_RESULTS = {"results": " " * 19000}


def plugin(*images: str) -> Variant:
    """Our plug-in, as HTCondor runs it for a job with these images of the share."""
    ads = [_ad(f"nfs://{SHARE}/{image}:disk-{n}.qcow2", f"{image}:disk-{n}.qcow2") for n, image in enumerate(images)]
    return _protocol_2(PLUGIN_PATH, ads)


def seed(*images: str) -> Variant:
    """The plug-in that a site would write first, once for each image."""
    names = [f"{image}:disk-{number}.qcow2" for number, image in enumerate(images)]
    return Variant([[SEED_PLUGIN, f"nfs://{SHARE}/{name}", f"{JOB}/{name}"] for name in names])


def curl(image: str) -> Variant:
    """HTCondor's own plug-in copies the image. It fills holes with zeros."""
    return _protocol_2(f"{HTCONDOR_PLUGINS}/{CURL}", [_ad(f"file://{SHARE}/{image}", image)])


def copy(*images: str) -> Variant:
    """Copy the images with their holes, which is at least as fast as searching for zeros (--sparse=always).

    The copy may stay in memory: nobody waits for the disk, which is in its favour.
    No reflink: cp would make one if share and scratch directory were on one file system that supports it.
    """
    paths = [f"{SHARE}/{image}" for image in images]
    return Variant([["cp", "--sparse=auto", "--reflink=never", *paths, JOB]])


def qemu_img(image: str) -> Variant:
    """The time of an overlay without any inspection of the image."""
    image_format = image.rpartition(".")[2]
    backing = ["-F", image_format, "-b", f"{SHARE}/{image}"]
    return Variant([["qemu-img", "create", "-q", "-f", "qcow2", *backing, f"{JOB}/disk.qcow2"]])


def query(program: str) -> Variant:
    """The query that HTCondor sends to each plug-in before each job's transfer."""
    return Variant([[program, "-classad"]])


def _protocol_2(program: str, ads: Sequence[str]) -> Variant:
    command = [program, "-infile", f"{JOB}/files", "-outfile", f"{JOB}/results"]
    return Variant([command], {"files": "\n".join(ads), **_RESULTS})


def _ad(url: str, name: str) -> str:
    return f'[ Url = "{url}"; LocalFileName = "{JOB}/{name}" ]'
