"""Jobs of the package's example with an image on a share, each from a directory of its own."""

from __future__ import annotations

from testnode import jobs, pool, recipe
from testnode.node import Node


def submit(node: Node, name: str, image: str, *more: str) -> int:
    """Submit a job from the directory `name`, with its event log `name`.log there. Returns its cluster.

    image: what follows nfs://. more: lines of the submit file.
    """
    node.run(["mkdir", "--parents", name], user=recipe.USER)
    lines = "".join(f"{line}\n" for line in (f"initialdir = {name}", f"log = {name}.log", *more))
    text = jobs.VM_JOB.replace(f"nfs://{jobs.BASE}", f"nfs://{image}").replace(f"log = {jobs.VM_JOB_LOG}\n", lines)
    return pool.submit(node, f"{name}.sub", text)
