"""What the site's policy can say, /etc/condor-kvm-stage/config.toml: its tables and keys, with their defaults."""

from ..errors import KvmStageError

AUTO = -1  # what "auto" stands for where a number is expected: the generator works it out


class PolicyError(KvmStageError):
    """The policy cannot be read, or is none. Nothing is done then: limits that are ignored are worse than none."""


class StagingPolicy:
    """[staging]. image_dirs, output_dirs: absolute paths. canary_image: an absolute path, "" for none.

    chain_depth: files. virtual_size: bytes. timeout: seconds.
    """

    __slots__ = ("canary_image", "chain_depth", "image_dirs", "output_dirs", "timeout", "virtual_size")

    def __init__(self) -> None:
        self.image_dirs: list[str] = []
        self.output_dirs: list[str] = []
        self.canary_image = ""
        self.chain_depth = 8
        self.virtual_size = 16 << 40
        self.timeout = 60


class VmPolicy:
    """[vm]. memory, reserve, overhead: bytes. disk_dirs: absolute paths. memory and max_number can be AUTO."""

    __slots__ = ("disk_dirs", "max_number", "memory", "memory_percent", "overhead", "reserve", "reserve_percent")

    def __init__(self) -> None:
        self.memory = AUTO
        self.memory_percent = 100
        self.reserve = 1 << 30
        self.reserve_percent = 5
        self.overhead = 128 << 20
        self.max_number = AUTO
        self.disk_dirs: list[str] = []


class GuestPolicy:
    """[guest]. guarded: whether jobs' virtual machines are as our programs define them, not HTCondor's. console: bytes.

    vnc: whether a job can have a screen.
    """

    __slots__ = ("console", "guarded", "vnc")

    def __init__(self) -> None:
        self.guarded = True
        self.console = 16 << 20
        self.vnc = False


class NetworkPolicy:
    """[network]. types: of TYPES, the first that the host has being the default. bridge: an interface, "" for none."""

    __slots__ = ("bridge", "types")
    TYPES = ("nat", "user", "bridge")

    def __init__(self) -> None:
        self.types = ["nat", "user"]
        self.bridge = ""


class HtcondorPolicy:
    """[htcondor]. restart: of RESTARTS. wait: seconds."""

    __slots__ = ("restart", "wait")
    RESTARTS = ("idle", "peaceful", "never")

    def __init__(self) -> None:
        self.restart = "idle"
        self.wait = 60


class Policy:
    """The tables of the policy, with defaults for what it does not say.

    text: as it was read. given: what it says, as `vm.memory`.
    """

    __slots__ = ("given", "guest", "htcondor", "network", "staging", "text", "vm")
    TABLES = ("staging", "vm", "guest", "network", "htcondor")

    def __init__(self, text: bytes = b"") -> None:
        self.text = text
        self.staging = StagingPolicy()
        self.vm = VmPolicy()
        self.guest = GuestPolicy()
        self.network = NetworkPolicy()
        self.htcondor = HtcondorPolicy()
        self.given: list[str] = []
