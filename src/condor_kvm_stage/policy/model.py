"""The site's policy, /etc/condor-kvm-stage/config.toml: its tables and keys, with their defaults."""

from ..errors import KvmStageError


class Auto:
    """The value "auto": the generator computes the number."""

    __slots__ = ()


AUTO = Auto()


class PolicyError(KvmStageError):
    """The policy cannot be read, or is invalid. All programs fail closed: nothing is done without its limits.

    fault: what is wrong, with what to write instead. remedy: what the administrator must do, which job users are told.
    """

    def __init__(self, fault: str, remedy: str = "") -> None:
        super().__init__(f"{fault}; {remedy}" if remedy else fault)
        self.fault = fault


class StagingPolicy:
    """Table [staging]: what may be staged and uploaded."""

    __slots__ = (
        *("bitmaps", "canary_image", "chain_depth", "image_dirs", "output_dirs", "snapshots", "timeout"),
        *("guests_have_own_user", "virtual_size"),
    )

    def __init__(self) -> None:
        self.image_dirs: list[str] = []  # absolute paths; empty: images may be anywhere
        self.output_dirs: list[str] = []  # absolute paths; empty: no uploads
        self.canary_image = ""  # absolute path, "" for none
        self.chain_depth = 8  # files
        self.virtual_size = 16 << 40  # bytes
        self.bitmaps = 64  # in each file
        self.snapshots = 64  # in each file
        self.timeout = 60  # seconds
        # Not a key but guest.guarded, for the plug-in: whether QEMU runs as the job's user. Else it runs as libvirt's,
        # and images must be readable by all.
        self.guests_have_own_user = True


class VmPolicy:
    """Table [vm]: what the node offers to virtual machines."""

    __slots__ = (
        *("disk_dirs", "disk_owners", "max_number", "memory", "memory_percent", "overhead", "reserve"),
        "reserve_percent",
    )

    def __init__(self) -> None:
        self.memory: int | Auto = AUTO  # bytes
        self.memory_percent = 100  # of the memory that is available
        self.reserve = 1 << 30  # bytes for the host
        self.reserve_percent = 5  # of the host's memory; the larger of the two counts
        self.overhead = 128 << 20  # bytes for QEMU, per virtual machine
        self.max_number: int | Auto = AUTO  # virtual machines
        self.disk_dirs: list[str] = []  # absolute paths
        self.disk_owners: list[str] = []  # names of users, besides root, who may own directories above disks


class GuestPolicy:
    """Table [guest]: what a job's virtual machine may have."""

    __slots__ = ("console", "filtered", "full_disk", "guarded", "reset_loop", "vnc")
    FULL_DISK = ("end", "hold", "wait")
    RESET_LOOP = ("hold", "wait")

    def __init__(self) -> None:
        self.guarded = True  # whether our builder defines virtual machines, not HTCondor's script
        self.filtered = True  # whether our filter runs HTCondor's vm-gahp; only with guarded
        self.full_disk = "end"  # of FULL_DISK: what becomes of a guest that QEMU has paused because a disk is full
        self.reset_loop = "hold"  # of RESET_LOOP: what becomes of the job of a guest that resets over and over
        self.console = 16 << 20  # bytes of console output that are kept
        self.vnc = False  # whether a job can have a screen


class NetworkPolicy:
    """Table [network]: which networks are offered."""

    __slots__ = ("bridge", "types")
    TYPES = ("nat", "user", "bridge")

    def __init__(self) -> None:
        self.types = ["nat"]  # of TYPES; the first that the host has is the default
        self.bridge = ""  # interface for the type "bridge", "" for none


class HtcondorPolicy:
    """Table [htcondor]: how changes are applied."""

    __slots__ = ("patience", "restart", "wait")
    RESTARTS = ("idle", "peaceful", "never")

    def __init__(self) -> None:
        self.restart = "idle"  # of RESTARTS
        self.patience = 20  # seconds in which this node's programs must answer the generator
        self.wait = 60  # seconds until HTCondor must have applied a change


class HealthPolicy:
    """Table [health]: what the node puts right by itself."""

    __slots__ = ("heal",)
    HEALS = ("libvirt", "facts", "leftovers", "logs")

    def __init__(self) -> None:
        self.heal = list(self.HEALS)  # of HEALS


class Policy:
    """The tables of the policy, with defaults for keys that it does not set."""

    __slots__ = ("given", "guest", "health", "htcondor", "network", "staging", "text", "vm")
    TABLES = ("staging", "vm", "guest", "network", "htcondor", "health")

    def __init__(self, text: bytes = b"") -> None:
        self.text = text  # the file's content
        self.staging = StagingPolicy()
        self.vm = VmPolicy()
        self.guest = GuestPolicy()
        self.network = NetworkPolicy()
        self.htcondor = HtcondorPolicy()
        self.health = HealthPolicy()
        self.given: list[str] = []  # keys that the file sets, such as `vm.memory`
