"""A small virtual machine for tests: Debian's kernel with cgroup version 2, a disk that outlives a power cut, busybox, crun and baton.

What runs in it is a shell script; what that prints comes back. There is no network. Without hardware support for virtual machines qemu
translates every instruction, and a boot takes half a minute.
"""
import os
import re
import shutil
import subprocess
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent / "tools"
MODULES = ["virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk", "overlay"]
USER = 1000

EARLY_INIT = """#!/bin/sh
mount -t devtmpfs dev /dev
for module in %s; do insmod /modules/$module.ko; done
until [ -b /dev/vda ]; do usleep 10000; done
mount -t ext4 /dev/vda /disk
exec switch_root /disk /sbin/init
""" % " ".join(MODULES)

INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname box
ip link set lo up
echo "== begin"
sh /dev/vdb </dev/null
echo "== end $?"
sync
reboot -f
"""


def has_hardware_support():
    """Whether KVM can run an ordinary kernel here; /dev/kvm alone does not tell."""
    flags = Path("/proc/cpuinfo").read_text(errors="replace")
    return os.access("/dev/kvm", os.R_OK | os.W_OK) and re.search(r"\b(vmx|svm)\b", flags) is not None


def busybox_root(directory, extra=()):
    """A directory tree with busybox under all its names."""
    for name in ("bin", "sbin", "usr/bin", "usr/sbin", "dev", "proc", "sys", "root", "tmp", "run", "etc", "var/lib", *extra):
        (directory / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(shutil.which("busybox"), directory / "bin/busybox")
    for name in subprocess.run(["busybox", "--list"], check=True, capture_output=True, text=True).stdout.split():
        if name != "busybox":
            (directory / "bin" / name).symlink_to("/bin/busybox")


def copy_program(program, root):
    """The program and the shared libraries that it needs, at the same paths."""
    listing = subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout
    for path in [program, *re.findall(r"(/\S+) \(0x", listing)]:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


class VirtualMachine:
    def __init__(self, directory, binary):
        self.dir = Path(directory)
        self.kernel = Path(os.environ.get("BATON_TEST_KERNEL") or TOOLS.parent / "build" / "kernel")
        subprocess.run([TOOLS / "fetch-kernel", self.kernel], check=True)
        self._make_initramfs()
        self._make_disk(binary)

    def _make_initramfs(self):
        root = self.dir / "initramfs"
        busybox_root(root, ["disk"])
        shutil.copytree(self.kernel / "modules", root / "modules")
        (root / "init").write_text(EARLY_INIT)
        (root / "init").chmod(0o755)
        names = subprocess.run(["find", "."], cwd=root, check=True, capture_output=True).stdout
        with open(self.dir / "initramfs.cpio", "wb") as archive:
            subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=root, input=names, stdout=archive, check=True,
                           stderr=subprocess.DEVNULL)

    def _make_disk(self, binary):
        root = self.dir / "root"
        busybox_root(root, ["home/user", "sys/fs/cgroup"])
        (root / "tmp").chmod(0o1777)
        (root / "etc/passwd").write_text(f"root:x:0:0:root:/root:/bin/sh\nuser:x:{USER}:{USER}::/home/user:/bin/sh\n")
        (root / "etc/group").write_text(f"root:x:0:\nuser:x:{USER}:\n")
        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        shutil.copy(binary, root / "usr/bin/baton")
        copy_program(shutil.which("crun"), root)
        (root / "sbin/init").write_text(INIT)
        (root / "sbin/init").chmod(0o755)
        mkfs = shutil.which("mkfs.ext4") or "/sbin/mkfs.ext4"
        subprocess.run([mkfs, "-q", "-d", root, self.dir / "disk", "256m"], check=True)

    def boot(self, script, seconds=240):
        """Boots, runs the script as root, and returns what it printed, once the machine is down."""
        data = script.encode()
        (self.dir / "script").write_bytes(data + b"\n" * (512 - len(data) % 512))
        words = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-m", "768", "-smp", "1",
                 "-serial", "stdio", "-kernel", self.kernel / "vmlinuz", "-initrd", self.dir / "initramfs.cpio",
                 "-append", "console=ttyS0 quiet loglevel=3 panic=-1 reboot=t mitigations=off no_timer_check"]
        words += ["-enable-kvm", "-cpu", "host"] if has_hardware_support() else ["-accel", "tcg", "-cpu", "max"]
        # no_timer_check: on a busy host a guest believes that its timer is broken.
        # The host's cache is the disk's truth here: a cut of the machine's power is what is meant, not one of ours.
        for drive in ("disk", "script"):
            words += ["-drive", f"file={self.dir / drive},format=raw,if=virtio,cache=unsafe"]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds, check=False)
        text = done.stdout.decode(errors="replace").replace("\r", "")
        assert done.returncode == 0 and "== begin" in text, text + done.stderr.decode(errors="replace")
        return text[text.index("== begin"):]
