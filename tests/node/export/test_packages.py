"""What other build systems find in a project: the same sources, all of them, under legal names; CMake builds the image.

PlatformIO, Arduino, Zephyr and ESP-IDF are not run here. Their files are read, their file lists compiled, and what the
last two do with CMake is stood in for by functions of the same names.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.base.yaml import read
from fleet.node.engine.build import WARNINGS, compiler
from fleet.node.export import Kind, export
from fleet.node.export.packages import FOLDERS, MAIN
from fleet.node.plan.ledger import ledger
from fleet.node.profile import load_profile
from fleet.node.twin.image import read_image
from fleet.node.twin.memory import check_sram
from tests.node.twin.test_verify import every_operator

CMAKE = shutil.which("cmake") or ""
BUILDER = next((name for name in ("Ninja", "Unix Makefiles") if shutil.which({"Ninja": "ninja"}.get(name, "make"))), "")
needs_cmake = pytest.mark.skipif(not CMAKE or not BUILDER, reason="needs cmake, and ninja or make")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packages") / "a.node-1"
    return export(every_operator(), load_profile("nrf52840"), out=out, name="a.node-1", kind=Kind.STATIC)


def sources(project: Path) -> set[str]:
    """All C files but those of a bare-metal image."""
    return {f"{f}/{p.name}" for f in FOLDERS for p in (project / f).glob("*.c")} - {MAIN}


def listed(project: Path, name: str) -> list[str]:
    """A list of sources.cmake, from the project's folder."""
    text = (project / "sources.cmake").read_text()
    body = re.search(rf"set\({name}\n(.*?)\n\)", text, re.DOTALL)
    assert body is not None
    return [line.strip().removeprefix("${CMAKE_CURRENT_LIST_DIR}/") for line in body.group(1).splitlines()]


def ran(*command: str | Path) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_the_list_holds_every_source_once_and_the_image_its_own(project: Path) -> None:
    assert sorted(listed(project, "FE_SOURCES")) == sorted(sources(project))
    assert listed(project, "FE_INCLUDES") == [folder for folder in FOLDERS if (project / folder).is_dir()]
    image = listed(project, "FE_IMAGE_SOURCES")
    assert MAIN in image
    assert {f"port/{path.name}" for path in (project / "port").glob("*.c")} == {*image} - {MAIN}


def test_the_runtime_is_in_the_list_where_it_is_exported(tmp_path: Path) -> None:
    out = export(every_operator(), load_profile("nrf52840"), out=tmp_path / "node", name="node", runtime=True)
    assert "runtime/fe_round.c" in listed(out, "FE_SOURCES")
    assert sorted(listed(out, "FE_SOURCES")) == sorted(sources(out))
    assert "runtime" in listed(out, "FE_INCLUDES")
    assert (out / "src" / "fe_port.h").is_file()


def test_arduino_finds_every_source_and_header_in_src_alone(project: Path) -> None:
    headers = {f"{f}/{p.name}" for f in FOLDERS for p in (project / f).glob("*.h")}
    forwards = {path.name: path.read_text() for path in (project / "src").iterdir()}
    expected = {place.rpartition("/")[2]: place for place in sources(project) | headers}
    assert len(expected) == len(sources(project) | headers)
    for name, place in expected.items():
        assert forwards.pop(name) == f'/* SPDX-License-Identifier: Apache-2.0 */\n#include "../{place}"\n'
    assert forwards == {}


def test_what_lies_in_src_compiles_with_no_other_path_and_no_flag(project: Path, tmp_path: Path) -> None:
    files = sorted((project / "src").glob("*.c"))
    ran(
        *compiler(),
        *WARNINGS,
        "-fno-sanitize=all",
        "-shared",
        "-fPIC",
        f"-I{project / 'src'}",
        *files,
        "-o",
        tmp_path / "x.so",
    )


def test_a_sketch_in_cpp_takes_the_header(project: Path, tmp_path: Path) -> None:
    (tmp_path / "sketch.cpp").write_text(
        'extern "C" {\n#include <fe_client.h>\n}\nint run() { return fe_client_train(0); }\n'
    )
    cpp = [sys.executable, "-m", "ziglang", "c++", "-Wall", "-Wextra", "-Werror", "-c"]
    ran(*cpp, f"-I{project / 'src'}", tmp_path / "sketch.cpp", "-o", tmp_path / "sketch.o")


def test_the_manifests_are_legal(project: Path) -> None:
    platformio = json.loads((project / "library.json").read_text())
    assert not re.search(r'[/:@<>?\\|*"]', platformio["name"])
    assert re.fullmatch(r"\d+\.\d+\.\d+", platformio["version"])
    assert platformio["build"]["srcDir"] == "src"
    assert (project / "src" / platformio["headers"]).is_file()
    arduino = dict(line.split("=", 1) for line in (project / "library.properties").read_text().splitlines())
    required = {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url", "architectures"}
    assert required <= arduino.keys()
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,62}", arduino["name"])
    assert (project / "src" / arduino["includes"]).is_file()
    module = read(project / "zephyr" / "module.yml").value
    assert module == {"name": "a-node-1", "build": {"cmake": "zephyr", "kconfig": "zephyr/Kconfig"}}
    assert re.search(r"^config FLEET_NODE\n\tbool ", (project / "zephyr" / "Kconfig").read_text(), re.MULTILINE)
    component = read(project / "idf_component.yml").value
    assert isinstance(component, dict)
    assert re.fullmatch(r"\d+\.\d+\.\d+", component["version"])
    assert component.keys() <= {"version", "description", "license", "dependencies"}


@needs_cmake
def test_cmake_builds_the_image_with_the_packaged_clang(project: Path, tmp_path: Path) -> None:
    build, python = tmp_path / "build", f"-DFE_PYTHON={sys.executable}"
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={project / 'cmake' / 'zig.cmake'}"
    ran(CMAKE, "-S", project, "-B", build, "-G", BUILDER, toolchain, python)
    ran(CMAKE, "--build", build)
    image = read_image(build / "a.node-1.elf")
    book = ledger(every_operator(), load_profile("nrf52840"), static=True)
    assert check_sram(image, book).faults == ()
    assert {"fe_client_train", "fe_client_update"} <= image.functions.keys()


@needs_cmake
def test_another_cmake_project_links_the_node(project: Path, tmp_path: Path) -> None:
    """With the system's own compiler, as a library of a program that starts the client."""
    (tmp_path / "main.c").write_text(
        '#include "fe_client.h"\nint main(void) { return fe_client_start(1) == FE_OK ? 0 : 1; }\n'
    )
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(app C)\n"
        f"add_subdirectory({project} node)\nadd_executable(app main.c)\ntarget_link_libraries(app PRIVATE fleet_node)\n"
    )
    if not (shutil.which("gcc") or shutil.which("clang") or shutil.which("cc")):
        pytest.skip("needs a C compiler of the system")
    ran(CMAKE, "-S", tmp_path, "-B", tmp_path / "build", "-G", BUILDER)
    ran(CMAKE, "--build", tmp_path / "build")
    ran(tmp_path / "build" / "app")


STANDS_IN = """
function(idf_component_register)
    message("registered: ${ARGN}")
endfunction()
function(target_compile_options)
endfunction()
function(zephyr_include_directories)
    message("includes: ${ARGN}")
endfunction()
function(zephyr_library_named name)
endfunction()
function(zephyr_library_sources)
    message("registered: ${ARGN}")
endfunction()
function(zephyr_library_compile_options)
endfunction()
"""


@pytest.mark.skipif(not CMAKE, reason="needs cmake")
@pytest.mark.parametrize(
    "switch, place", [("ESP_PLATFORM", "CMakeLists.txt"), ("CONFIG_FLEET_NODE", "zephyr/CMakeLists.txt")]
)
def test_components_register_every_source(switch: str, place: str, project: Path, tmp_path: Path) -> None:
    script = tmp_path / "run.cmake"
    script.write_text(f"{STANDS_IN}set({switch} 1)\ninclude({project / place})\n")
    said = ran(CMAKE, "-P", script)
    line = next(line for line in said.splitlines() if line.startswith("registered: "))
    registered = {str(Path(w).resolve().relative_to(project)) for w in re.split("[; ]", line) if w.endswith(".c")}
    assert registered == sources(project)


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_builds_the_image_that_is_verified(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "node"
    shutil.copytree(project, copy)
    ran("make", "-C", copy, f"COMPILER={sys.executable} -m ziglang cc")
    book = ledger(every_operator(), load_profile("nrf52840"), static=True)
    assert check_sram(read_image(copy / "build" / "a.node-1.elf"), book).faults == ()
