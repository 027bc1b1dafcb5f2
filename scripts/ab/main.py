# SPDX-License-Identifier: GPL-2.0-only
"""scripts/uksm-ab: on this host, or in an emulated machine."""

import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile

from . import hostinfo, hoststate, images, options as option_parser, report, scenarios
from .errors import Failure
from .experiment import Experiment
from .monitor import is_terminal

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
# Nested guests of later kernels do not start under an emulated SVM as they are.
GUEST_KERNEL = BUILD / "6.1"
# Of the emulated machine, besides its guests: their files, Python, libvirt.
MACHINE_MIB = 1900
GUEST_OVERHEAD = 1.25
HOST_WORK = pathlib.Path("/var/lib/uksm-ab")
MACHINE_WORK = pathlib.Path("/tmp/uksm-ab")


def need(path, hint):
    if not path.exists():
        raise Failure(f"{path} is not there: {hint}")


def guest_images(options):
    """The Debian images of the scenario, by name."""
    wanted = sorted(set(scenarios.SCENARIOS[options.scenario].images))
    for name in wanted:
        need(BUILD / f"guest/{name}.img", "scripts/setup guest")
    return {name: BUILD / f"guest/{name}.img" for name in wanted}


def run_experiment(options):
    """On the machine this runs on; the record is in options.raw."""
    hostinfo.need_kvm()
    experiment = Experiment(
        options, option_parser.make_contestants(options, options.contestants),
        option_parser.make_contestants(options, options.once))
    experiment.execute()
    return experiment.data


def run_on_host(options):
    if os.geteuid():
        raise Failure("--host needs root")
    options.images = guest_images(options)
    options.raw = options.out / "raw.json"
    options.work = HOST_WORK
    options.live = is_terminal()
    if not hoststate.module_loaded() and not options.module and \
            "uksm" in options.contestants + options.once:
        try:
            hoststate.command("modprobe", "-n", "-q", "uksm")
        except Failure as failure:
            raise Failure("no module uksm for this kernel: make dkms-install, or "
                          "--module FILE") from failure
    return run_experiment(options)


def run_inside(job):
    """In the emulated machine: the job says what run_in_machine() was told."""
    fields = json.loads(job.read_text())
    options = option_parser.parse([])
    for name, value in fields.items():
        setattr(options, name, value)
    for name in ("raw", "module", "kernel_image"):
        setattr(options, name, pathlib.Path(getattr(options, name)))
    options.work = MACHINE_WORK
    options.raw = pathlib.Path(os.environ["UKSM_OUT"]) / "raw.json"
    module = pathlib.Path("/tmp/uksm.ko")
    shutil.copy(options.module, module)
    options.module = module
    if options.images:
        hoststate.command("modprobe", "virtio_blk")
    if options.isolation == "user":
        # The machine is its own, and knows no group for KVM.
        hostinfo.need_kvm()
        os.chmod("/dev/kvm", 0o666)
    if options.guests_by != "qemu":
        hoststate.command(TOP / "tests/ab/libvirtd", "start")
    return run_experiment(options)


def machine_command(options, job):
    memory = MACHINE_MIB + int((options.guests + options.veto) * options.guest_mem *
                               GUEST_OVERHEAD)
    command = [TOP / "tests/vm/run", "--kernel", options.kernel, "--name", "ab",
               "--mem", f"{memory}M", "--timeout", str(options.timeout)]
    for name, path in job["images"].items():
        job["images"][name] = f"/dev/vd{'abcdef'[list(job['images']).index(name)]}"
        command += ["--qemu-arg", "-drive", "--qemu-arg",
                    f"file={path},if=virtio,format=raw,readonly=on"]
    return command


def run_in_machine(options):
    module = options.module or BUILD / options.kernel / "uksm.ko"
    need(BUILD / options.kernel / "vmlinux", f"scripts/setup {options.kernel}")
    need(module, f"make modules KERNEL={options.kernel}")
    options.images = guest_images(options)
    options.live = is_terminal()
    options.raw = options.out / "raw.json"
    # Below build/, for the machine has a /tmp and a /run of its own.
    with tempfile.TemporaryDirectory(prefix="job-", dir=BUILD / "ab") as directory:
        file = pathlib.Path(directory) / "job.json"
        # A build meanwhile shall not pull them away.
        options.module = shutil.copy(module, file.with_name("uksm.ko"))
        options.kernel_image = shutil.copy(options.kernel_image, file.with_name("vmlinux"))
        job = {name: str(value) if isinstance(value, pathlib.Path) else value
               for name, value in vars(options).items()
               if name not in ("render", "inside", "out", "initrds")}
        job["initrds"] = [str(path) for path in options.initrds]
        command = machine_command(options, job)
        file.write_text(json.dumps(job))
        machine = subprocess.Popen([*command, "--", TOP / "scripts/uksm-ab",
                                    "--inside", file])
        # The runner takes its QEMU along when it is told to end.
        try:
            status = machine.wait()
        finally:
            if machine.poll() is None:
                machine.terminate()
                machine.wait()
    log = f"log/ab-{options.kernel}-*-{machine.pid}"
    for raw in BUILD.glob(f"{log}/share/out/raw.json"):
        data = json.loads(raw.read_text())
        data["machine_status"] = status
        data["kernel"] = options.kernel
        return data
    raise Failure("the machine measured nothing; its message is above")


def interrupted(number, _frame):
    """End once, and let what is to be undone be undone whatever follows."""
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def prepare_guests(options):
    """Their kernel, and what they boot."""
    kernel = options.guest_kernel or GUEST_KERNEL
    need(kernel / "vmlinux", "scripts/setup 6.1")
    options.kernel_image = kernel / "vmlinux"
    options.initrds = images.build(
        BUILD / "ab/guest", kernel, scenarios.SCENARIOS[options.scenario].images)


def compare(options):
    """One comparison from start to report; the exit status."""
    prepare_guests(options)
    now = datetime.datetime.now()
    place = "host" if options.host else options.kernel
    if options.out is None:
        options.out = BUILD / f"ab/{place}-{now:%Y%m%d-%H%M%S}"
    options.out.mkdir(parents=True, exist_ok=True)
    data = run_on_host(options) if options.host else run_in_machine(options)
    status = report.write(data, options.out, show=True)
    options.raw.unlink(missing_ok=True)
    return status


def act(options):
    if options.inside:
        return 1 if run_inside(options.inside)["complaints"] else 0
    if options.render:
        data = json.loads(options.render.read_text())
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
        return report.write(data, options.out, show=not options.out)
    if options.build_only:
        prepare_guests(options)
        return 0
    if options.clean:
        print("undone" if hoststate.clean_up_after_another() else "nothing to undo")
        return 0
    return compare(options)


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    options = option_parser.parse()
    try:
        return act(options)
    except Failure as failure:
        print(f"uksm-ab: {failure}", file=sys.stderr)
    except OSError as error:
        print(f"uksm-ab: {error.filename or 'input or output'}: {error.strerror}",
              file=sys.stderr)
    return 1
