"""How other build systems see a project: CMake, PlatformIO, Arduino, Zephyr and ESP-IDF, all of one list of sources.

What of the engine is used stands in data/fe_config.h, so that none of them passes a definition. Formats: library.json
of PlatformIO; Arduino's library specification 1.5, whose compiler sees `src` alone; module.yml of Zephyr; the component
manifest of ESP-IDF. node/fe_main.c and `port` belong to a bare-metal image: the others bring start-up and main.
"""

import json
from collections.abc import Iterable

from fleet import __version__
from fleet.node.export.record import Project
from fleet.node.export.target import LANGUAGE, LEVEL, LINK, NO_UNWINDING, target
from fleet.node.export.texts import own

MAIN = "node/fe_main.c"
FOLDERS = ("engine", "node", "runtime", "data")
"""Folders of sources, in the order in which a compiler looks for headers; not every project has a runtime."""
LICENCE = "SPDX-License-Identifier: Apache-2.0"


def library_sources(files: Iterable[str]) -> tuple[str, ...]:
    """Of a project's files those that every build compiles."""
    found = (place for place in sorted(files) if place.endswith(".c") and _folder(place) in FOLDERS)
    return tuple(place for place in found if place != MAIN)


def library_headers(files: Iterable[str]) -> tuple[str, ...]:
    """Of a project's files the headers of these sources."""
    return tuple(place for place in sorted(files) if place.endswith(".h") and _folder(place) in FOLDERS)


def packages(files: Iterable[str], project: Project) -> dict[str, str]:
    """The descriptions, by their places in the project. files: all others, by their places."""
    files, core = sorted(files), target(project.core)
    return {
        "sources.cmake": _cmake_list(files),
        "CMakeLists.txt": own(
            "CMakeLists.txt", {"name": project.name, "image": _image_flags(project), "link": " ".join(LINK)}
        ),
        "cmake/zig.cmake": own("zig.cmake", {"core": " ".join(core.clang)}),
        "cmake/gcc.cmake": own(
            "gcc.cmake",
            {"compiler": core.gnu_compiler, "core": " ".join(core.gnu), "link": " ".join(core.gnu_link)},
        ),
        "library.json": _platformio(project),
        "library.properties": _arduino(project),
        "zephyr/module.yml": own("module.yml", {"name": _plain(project.name)}),
        "zephyr/CMakeLists.txt": own("zephyr.cmake", {}),
        "zephyr/Kconfig": own("Kconfig", {"name": project.name}),
        "idf_component.yml": own("idf_component.yml", {"name": project.name, "version": __version__}),
        **_arduino_folder(files),
    }


def _folder(place: str) -> str:
    return place.rpartition("/")[0]


def _plain(name: str) -> str:
    return name.replace(".", "-")


def _cmake_list(files: list[str]) -> str:
    """The sources and folders of headers, as CMake lists of paths from this project."""
    image = [place for place in files if place == MAIN or (_folder(place) == "port" and place.endswith((".c", ".S")))]
    lists = {
        "FE_SOURCES": library_sources(files),
        "FE_INCLUDES": [f for f in FOLDERS if any(_folder(place) == f for place in files)],
        "FE_IMAGE_SOURCES": image,
    }
    text = f"# {LICENCE}\n# Made by `fleet export`: what every build of this project compiles.\n"
    for name, places in lists.items():
        text += f"set({name}\n" + "".join(f"    ${{CMAKE_CURRENT_LIST_DIR}}/{place}\n" for place in places) + ")\n"
    return text


def _image_flags(project: Project) -> str:
    flags = (LEVEL, *LANGUAGE, *NO_UNWINDING, f"-DFE_STACK_BYTES={project.stack_bytes}")
    return " ".join(flag for flag in flags if flag != "-Werror")  # a build system of others has compilers of others


def _platformio(project: Project) -> str:
    content = {
        "name": project.name,
        "version": __version__,
        "description": f"A node of an mcufleet: {project.name}, for {project.board}",
        "keywords": "federated learning, on-device training, tinyml",
        "license": "Apache-2.0",
        "frameworks": "*",
        "platforms": "*",
        "headers": "fe_client.h",
        "build": {"srcDir": "src", "includeDir": "src", "flags": ["-ffp-contract=off"]},
    }
    return json.dumps(content, indent=2) + "\n"


def _arduino(project: Project) -> str:
    fields = {
        "name": project.name[:63],
        "version": __version__,
        "author": "mcufleet",
        "maintainer": "mcufleet",
        "sentence": f"A node of an mcufleet: {project.name}.",
        "paragraph": "Inference and training of one network in static memory.",
        "category": "Data Processing",
        "url": "",
        "architectures": "*",
        "includes": "fe_client.h",
    }
    return "".join(f"{key}={value}\n" for key, value in fields.items())


def _arduino_folder(files: list[str]) -> dict[str, str]:
    """src: a file for each source and header that includes it; Arduino compiles nothing else, nor looks elsewhere.

    PlatformIO takes the same folder: a project that includes fe_client.h then needs no other path.
    """
    head = f"/* {LICENCE} */\n"
    return {
        f"src/{place.rpartition('/')[2]}": f'{head}#include "../{place}"\n'
        for place in (*library_sources(files), *library_headers(files))
    }
