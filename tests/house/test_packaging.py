"""The wheel and an editable install both work from any folder, models and instances included."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import kktgen

ROOT = Path(kktgen.__file__).parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (ROOT / "pyproject.toml").is_file(), reason="needs the project's folder, not an install of it"
    ),
]


def ran(*args: str | Path, cwd: Path) -> str:
    """Run a program without this process's PYTHONPATH and return what it prints."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV", "COLUMNS")}
    done = subprocess.run(
        [str(arg) for arg in args],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{args} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project's own files, so that building leaves nothing behind."""
    target = tmp_path_factory.mktemp("source") / "project"
    target.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target / name)
    for name in ("kktgen", "models", "instances"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def built(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel or an editable wheel with the project's backend."""
    code = f"import hatchling.build as h; print(h.build_{kind}(r'{target}'))"
    name = ran(sys.executable, "-c", code, cwd=source).splitlines()[-1]
    return target / name


def venv_with(wheel: Path, folder: Path) -> Path:
    """Install a wheel alone into a new environment that borrows this one's dependencies; return its bin folder."""
    ran(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    bin_folder = folder / ("Scripts" if os.name == "nt" else "bin")
    ran(bin_folder / "python", "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=folder.parent)
    purelib = Path(
        ran(
            bin_folder / "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder.parent
        ).strip()
    )
    # appended to sys.path as it stands, so that its .pth files (an editable kktgen) are not read
    (purelib / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return bin_folder


def check_runs(bin_folder: Path, package: Path, cwd: Path) -> None:
    """List the models and solve the short case from a folder that has nothing to do with the project."""
    assert (
        Path(ran(bin_folder / "python", "-c", "import kktgen; print(kktgen.__file__)", cwd=cwd).strip()).parent
        == package
    )
    assert "dso_vpp" in ran(bin_folder / "kktgen", "models", cwd=cwd)
    assert "bilevel-feasible" in ran(bin_folder / "kktgen", "help", "claims", cwd=cwd)
    assert "dso_vpp/short" in ran(bin_folder / "kktgen", "models", "dso_vpp", cwd=cwd)
    assert "1.3314" in ran(bin_folder / "kktgen", "solve", "dso_vpp", "--set", "hours=6", "-q", cwd=cwd)
    assert "1.3314" in ran(bin_folder / "kktgen", "solve", "dso_vpp/short", "-q", "-o", "out", cwd=cwd)
    assert (cwd / "out" / "dso_vpp-short.lp").is_file()
    told = ran(bin_folder / "kktgen", "catalogue", "-q", "-o", "site", cwd=cwd)
    assert re.search(r"\b231 instances, [1-9]\d* runs\b", told)


def test_wheel_holds_everything_it_needs(source, tmp_path):
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    wheel = built("wheel", source, tmp_path)
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "kktgen/py.typed" in names
    for page in (source / "kktgen" / "guide").glob("*.md"):
        assert f"kktgen/guide/{page.name}" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    for kind in ("models", "instances"):
        for path in (source / kind).rglob("*.*"):
            if path.is_file():
                assert f"kktgen/_{kind}/{path.relative_to(source / kind).as_posix()}" in names
    assert all(name.startswith(("kktgen/", "kktgen-")) for name in names)


def test_wheel_runs_from_another_folder(source, tmp_path):
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    bin_folder = venv_with(built("wheel", source, tmp_path), tmp_path / "venv")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    package = Path(ran(bin_folder / "python", "-c", code, cwd=tmp_path).strip()) / "kktgen"
    (tmp_path / "elsewhere").mkdir()
    check_runs(bin_folder, package, tmp_path / "elsewhere")


def test_editable_install_uses_the_top_level_folders(source, tmp_path):
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    wheel = built("editable", source, tmp_path)
    assert not any("dso_vpp" in name for name in zipfile.ZipFile(wheel).namelist()), (
        "an editable install copies nothing"
    )
    bin_folder = venv_with(wheel, tmp_path / "venv")
    (tmp_path / "elsewhere").mkdir()
    check_runs(bin_folder, source / "kktgen", tmp_path / "elsewhere")
    shutil.copytree(source / "models" / "dso_vpp", source / "models" / "another")
    assert "another" in ran(bin_folder / "kktgen", "models", cwd=tmp_path / "elsewhere")
