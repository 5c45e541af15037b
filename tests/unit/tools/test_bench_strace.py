"""What counts as reaching a share, in what strace 6 and 7 write."""

from __future__ import annotations

import pytest

from benchmark.strace import Load, load

pytestmark = pytest.mark.needs_repository

SHARE = "/srv/images"
# of one staging, with the calls that touch other files between
STAGING = """\
newfstatat(AT_FDCWD</srv/scratch/job>, "/srv", {st_mode=S_IFDIR|0755, st_size=60, ...}, AT_SYMLINK_NOFOLLOW) = 0
newfstatat(AT_FDCWD</srv/scratch/job>, "/srv/images", {st_mode=S_IFDIR|0755, ...}, AT_SYMLINK_NOFOLLOW) = 0
newfstatat(AT_FDCWD</srv/scratch/job>, "/srv/images/a b.qcow2", {st_mode=S_IFREG|0644, ...}, AT_SYMLINK_NOFOLLOW) = 0
openat(AT_FDCWD</srv/scratch/job>, "/srv/images/a b.qcow2", O_RDONLY|O_CLOEXEC) = 6</srv/images/a b.qcow2>
fstat(6</srv/images/a b.qcow2>, {st_mode=S_IFREG|0644, st_size=268828672, ...}) = 0
pread64(6</srv/images/a b.qcow2>, ""..., 34816, 0) = 34816
lseek(6</srv/images/a b.qcow2>, 0, SEEK_END) = 268828672
close(6</srv/images/a b.qcow2>) = 0
openat(AT_FDCWD</srv/scratch/job>, "disk.qcow2", O_RDWR|O_CREAT|O_EXCL, 0644) = 6</srv/scratch/job/disk.qcow2>
pwrite64(6</srv/scratch/job/disk.qcow2>, ""..., 512, 0) = 512
pread64(6</srv/scratch/job/disk.qcow2>, ""..., 512, 0) = 512
readlink("/proc/self/fd/6", ""..., 4096) = 27
execve("/usr/bin/qemu-img", ["qemu-img", ""..., ""...], 0x7ffc0a0b6d48 /* 9 vars */) = 0
--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED, si_pid=7, si_uid=1000, si_status=0, si_utime=0, si_stime=0} ---
+++ exited with 0 +++
"""


def test_every_call_that_names_the_share_or_a_descriptor_of_it_counts() -> None:
    assert load(STAGING.splitlines(), SHARE) == Load(calls=7, read=34816)


@pytest.mark.parametrize(
    ("line", "counted"),
    [
        ('statx(AT_FDCWD</root>, "/srv/images/x", AT_SYMLINK_NOFOLLOW, STATX_ALL, {stx_size=7, ...}) = 0', Load(1, 0)),
        ('readlink("/srv/images/x", 0x7ffd, 4096) = -1 EINVAL (Invalid argument)', Load(1, 0)),
        ('openat(7</srv/images>, "x", O_RDONLY) = -1 EACCES (Permission denied)', Load(1, 0)),
        (
            "fcntl(7</srv/images/x>, F_OFD_SETLK, {l_type=F_RDLCK, l_whence=SEEK_SET, l_start=100, l_len=1}) = 0",
            Load(1, 0),
        ),
        ("getdents64(7</srv/images>, 0x55d4 /* 5 entries */, 32768) = 144", Load(1, 0)),
        ("mmap(NULL, 4096, PROT_READ, MAP_SHARED, 7</srv/images/x>, 0) = 0x7f5bb6d7d000", Load(1, 0)),
        ('read(7</srv/images/x>, ""..., 262144) = 200704', Load(1, 200704)),
        ('read(7</srv/images/x>, "", 262144) = 0', Load(1, 0)),
        ("read(7</srv/images/x>, 0x7ffd, 262144) = -1 EIO (Input/output error)", Load(1, 0)),
        ('preadv(7</srv/images/x>, [{iov_base=""..., iov_len=512}], 1, 0) = 512', Load(1, 512)),
        (
            "copy_file_range(7</srv/images/x>, NULL, 8</srv/scratch/y>, NULL, 9223372035781033984, 0) = 5000",
            Load(1, 5000),
        ),
        ("copy_file_range(8</srv/scratch/y>, NULL, 7</srv/images/x>, NULL, 9223372035781033984, 0) = 5000", Load(1, 0)),
        ("sendfile(8</srv/scratch/y>, 7</srv/images/x>, NULL, 4096) = 4096", Load(1, 4096)),
        # others that look alike
        ('newfstatat(AT_FDCWD</root>, "/srv/images2/x", {st_mode=S_IFREG|0644, ...}, 0) = 0', Load(0, 0)),
        ('openat(AT_FDCWD</root>, "/backup/srv/images/x", O_RDONLY) = 7</backup/srv/images/x>', Load(0, 0)),
        ('write(2<pipe:[4711]>, ""..., 80) = 80', Load(0, 0)),
        ("exit_group(0) = ?", Load(0, 0)),
    ],
)
def test_kinds_of_calls(line: str, counted: Load) -> None:
    assert load([line], SHARE) == counted
