"""The page in headless Chromium: every figure drawn, no console error, and its buttons do what they say."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.report import write_report
from tests.report.synthetic import make_large

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")

# Runs after the page's own script: chooses node 4, saves a table and a drawing, and notes what came of it.
PROBE = """
<script>
const noted = document.documentElement.dataset;
const RealBlob = Blob;
window.Blob = class extends RealBlob { constructor(parts, how) { super(parts, how); noted.csv = parts.join(""); } };
document.querySelector('[data-save="csv"][data-of="energy"]').click();
window.Blob = RealBlob;
const select = document.getElementById("chosen");
select.value = "4";
select.dispatchEvent(new Event("change"));
const widths = document.getElementById("accuracy").data.map((trace) => [trace.meta?.node ?? -1, trace.line.width]);
noted.strong = widths.filter(([node, width]) => node >= 0 && width === 3).map(([node]) => node).join();
noted.bar = document.getElementById("energy").data[0].marker.opacity.filter((opacity) => opacity === 1).length;
Plotly.toImage("energy", { format: "svg" }).then((image) => { noted.svg = image.slice(0, 18); });
</script>
</body>"""


def browse(page: Path) -> tuple[str, list[str]]:
    """The document after its scripts ran, and what the console said."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1280,1000"]
    options += ["--virtual-time-budget=15000", f"--user-data-dir={page.parent / 'profile'}", "--dump-dom"]
    command = [str(BROWSER), *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def notes(document: str) -> dict[str, str]:
    """What PROBE noted on the root element."""
    return dict(re.findall(r'data-(\w+)="([^"]*)"', document.split(">", 2)[1]))


def drawn(document: str) -> dict[str, bool]:
    """Figure → whether Plotly drew something into its place."""
    places = re.split(r'<div class="plot[^"]*" id="', document)[1:]
    return {place.split('"')[0]: 'class="main-svg"' in place for place in places}


@pytest.fixture(scope="module")
def browsed(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[str]]:
    report = write_report(run_path).read_text()
    file = tmp_path_factory.mktemp("browser") / "report.html"
    file.write_text(report.replace("</body>", PROBE))
    return browse(file)


def test_every_figure_is_drawn_without_a_word_on_the_console(browsed: tuple[str, list[str]]) -> None:
    document, console = browsed
    assert console == []
    assert len(drawn(document)) == 12
    assert all(drawn(document).values())


def test_choosing_a_node_marks_it_in_lines_and_bars(browsed: tuple[str, list[str]]) -> None:
    noted = notes(browsed[0])
    assert noted["strong"] == "4"
    assert noted["bar"] == "1"


def test_data_and_drawings_can_be_saved(browsed: tuple[str, list[str]]) -> None:
    noted = notes(browsed[0])
    header, first = noted["csv"].splitlines()[:2]
    assert header == "node,cause,energy_nj,time_us"
    assert re.fullmatch(r"0,sleep,\d+,\d+", first)
    assert noted["svg"] == "data:image/svg+xml"


def test_a_large_fleet_is_drawn_without_a_word_on_the_console(tmp_path: Path) -> None:
    document, console = browse(write_report(make_large(tmp_path / "run")))
    assert console == []
    assert {"energy-groups", "energy-used", "life-left", "alive", "delivery", "transmitter"} <= set(drawn(document))
    assert all(drawn(document).values())


def test_an_unfinished_run_draws_what_it_has(unfinished_path: Path) -> None:
    document, console = browse(write_report(unfinished_path))
    assert console == []
    assert "accuracy" in drawn(document)
    assert "energy" not in drawn(document)
    assert all(drawn(document).values())
