"""A run folder as a run would leave it, twelve nodes and ten rounds, made from plain formulas.

The numbers resemble the quickstart; nothing was trained. Every wobble comes from the counter-based generator.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fleet.base.rng import key, uniform
from fleet.record import (
    AccuracyRow,
    BatteryRow,
    EnergyRow,
    EventRow,
    LedgerRow,
    NodeRow,
    PlanRow,
    RoundRow,
    RunFolder,
    SumRow,
    TrafficRow,
    ValueRow,
)
from fleet.report.happened import Happened

NODES = range(12)
HOUR_US = 3_600_000_000
LINES = ("alone", "fedavg", "federated")
TEST = {"old": 40, "new": 15}
# line -> (old, new) at the end for nodes that did the new classes, then for those that never did
ENDS = {
    "alone": ((0.875, 0.80), (0.92, 0.0)),
    "fedavg": ((0.83, 0.35), (0.84, 0.27)),
    "federated": ((0.80, 0.60), (0.78, 0.49)),
}
PERSONAL = {"alone": ((0.90, 0.88), (0.935, 0.0)), "federated": ((0.865, 0.84), (0.883, 0.42))}
SCENARIO = """# Two exercises are added to a therapy plan. Half of the people have done them.
# Can all twelve wrists learn to recognise them without a recording leaving a wrist, and what does it cost?
schema: 1
name: quickstart
seed: 0
data:
  source: seglearn-watch
  hold_out: end of each recording
fleet:
- board: nrf52840
  count: 12
"""


def did(node: int) -> bool:
    return node % 4 < 2


def wobble(*parts: int) -> float:
    return uniform(key(7, *parts), 0) - 0.5


def make_run(path: Path, *, rounds: int = 10, finished: bool = True, events: bool = True, cells: bool = True) -> Path:
    """A run folder at path; with finished=False it stops as a killed run does."""
    with RunFolder.create(path, SCENARIO, {"mcufleet": "0.1.0", "python": "3.11.7", "engine": "sha256:5f1c"}) as run:
        run.write_part("nodes", 0, list(nodes()))
        run.write_part("ledger", 0, ledger())
        run.write_part("plan", 0, plan())
        run.write_part("accuracy", 0, list(scores("pretrained", "start", 0, 0, ((0.82, 0.0), (0.83, 0.0)))))
        for number in range(1, rounds + 1):
            write_round(run, number)
        if finished:
            write_end(run, rounds, events=events, cells=cells)
    return path


def write_round(run: RunFolder, number: int) -> None:
    run.write_part("rounds", number, [round_row(line, number) for line in LINES])
    run.write_part("traffic", number, [row for line in LINES[1:] for row in traffic(line, number)])
    accuracy = [row for line in LINES for row in scores(line, "round", number, *progress(line, number))]
    run.write_part("accuracy", number, accuracy)


def write_end(run: RunFolder, rounds: int, *, events: bool, cells: bool) -> None:
    end_us = (rounds + 1) * HOUR_US
    ends = [row for line, end in PERSONAL.items() for row in scores(line, "personal", rounds + 1, end_us, end)]
    run.write_part("accuracy", rounds + 1, ends)
    run.write_part("energy", 0, [row for line in LINES for row in energy(line, rounds)])
    run.write_part("battery", 0, [battery(line, node, cells) for line in LINES for node in NODES])
    run.write_part("events", 0, wrong() if events else [])
    run.write_part("values", 0, values())
    run.write_fingerprint()


def make_large(path: Path, many: int = 3_000, *, harvest: bool = False) -> Path:
    """The same run of so many nodes, of which twelve are watched: two groups, and one in 100 goes out on the way."""
    make_run(path)
    n = np.arange(many, dtype=np.int64)
    out = n % 100 == 99
    drawn = 4_000_000_000 + 1_000_000 * (n % 1_000)
    supplied = 5_000_000_000 * (n % 3 == 0) if harvest else n * 0
    lost = supplied // 10
    totals = {
        "line": "federated",
        "node": n,
        "drawn_nj": drawn,
        "supplied_nj": supplied,
        "lost_nj": lost,
        "start_nj": n * 0 + 10_000_000_000,
        "end_nj": 10_000_000_000 + supplied - drawn - lost,
        "died_us": np.where(out, 1_000_000 * n, -1),
        "reports": n * 0 + 66,
        "heard": 66 - n % 7,
        "sent_us": 300_000 + n,
        "rounds": n % 2,
    }
    half = many // 2
    groups = [
        SumRow(
            line="federated", group=group, board=board, nodes=half, cause=cause, time_us=half * 1_000_000,
            energy_nj=int(drawn[half * group : half * (group + 1)].sum()) // 4 * share,
        )
        for group, board in enumerate(("nrf52840", "stm32l476"))
        for cause, share in (("sleep", 1), ("transmit", 3), ("flash", 0))
    ]  # fmt: skip
    facts = [(f"report:0:{half}", "20"), (f"report:{half}:{half}", "10"), ("watched", f"12 of {many:,} nodes")]
    with RunFolder.open(path, writing=True) as run:
        run.write_columns("totals", 3, totals)
        run.write_part("sums", 3, groups)
        run.write_part("values", 1, [ValueRow(key=key_, value=value, basis="given") for key_, value in facts])
        run.write_fingerprint()
    return path


def as_happened(rows: list[EventRow]) -> Happened:
    """The events of a story, all of the federated line."""
    times = {kind: np.array(sorted(r.time_us for r in rows if r.kind == kind)) for kind in {r.kind for r in rows}}
    return Happened(rows=rows, total=len(rows), times_us=times, nodes=len({row.node for row in rows}))


def nodes() -> Iterator[NodeRow]:
    for node in NODES:
        yield NodeRow(
            node=node,
            board="nrf52840",
            subject=f"person {node // 2 + 1}",
            side=("side 0", "side 1")[node % 2],
            did_new=did(node),
            classes="0,1,2,3,4,5,6" if did(node) else "0,1,2,3,4",
            train_windows=80 + 5 * node,
            val_windows=25,
            test_windows=sum(TEST.values()),
        )


Ends = tuple[tuple[float, float], tuple[float, float]]


def progress(line: str, number: int) -> tuple[int, Ends]:
    """Time and accuracies after a round: most of the way after six, with swings on the new classes."""
    share = 1 - 0.72**number
    swing = 0.12 * wobble(1, number) * (number < 10) * (line != "alone")
    start = ((0.82, 0.0), (0.83, 0.0))
    pairs = [
        (o + (p - o) * share, q * share + swing * (q > 0)) for (o, _), (p, q) in zip(start, ENDS[line], strict=True)
    ]
    return number * HOUR_US + 41_000_000, (pairs[0], pairs[1])


def scores(line: str, phase: str, number: int, time_us: int, ends: Ends) -> Iterator[AccuracyRow]:
    for node in NODES:
        old, new = ends[0] if did(node) else ends[1]
        for part in ("val", "test"):
            for classes, share in (("old", old), ("new", new)):
                spread = 0.22 * wobble(2, node) + 0.05 * wobble(3, node, number)
                total = TEST[classes]
                yield AccuracyRow(
                    line=line,
                    phase=phase,
                    round=number,
                    time_us=time_us,
                    node=node,
                    model="own" if line == "alone" or phase == "personal" else "shared",
                    part=part,
                    classes=classes,
                    correct=min(total, max(0, round(total * (share + spread)))) if share else 0,
                    total=total,
                )


def round_row(line: str, number: int) -> RoundRow:
    up = sum(row.payload_bytes for row in traffic(line, number) if row.direction == "up") if line != "alone" else 0
    return RoundRow(
        line=line,
        round=number,
        opened_us=number * HOUR_US,
        closed_us=number * HOUR_US + 40_000_000,
        asked=12 if line != "alone" else 0,
        replied=12 if line != "alone" else 0,
        uplink_bytes=up,
        downlink_bytes=up,
        clipped=3 if number == 1 else 0,
    )


def traffic(line: str, number: int) -> Iterator[TrafficRow]:
    sizes = {"fedavg": 18_868, "federated": 4_412}
    for node in NODES:
        for direction in ("up", "down"):
            payload = sizes.get(line, 0) - (200 if direction == "up" and not did(node) else 0)
            again = round(payload / 244 * (0.03 + 0.05 * (wobble(4, node) + 0.5)))
            yield TrafficRow(
                line=line,
                round=number,
                node=node,
                direction=direction,
                payload_bytes=payload,
                pdus=-(-payload // 244),
                retransmissions=again,
                airtime_us=(-(-payload // 244) + again) * 2_100,
            )


def energy(line: str, rounds: int) -> Iterator[EnergyRow]:
    radio = {"alone": 0, "fedavg": 4, "federated": 1}[line]
    for node in NODES:
        drawn = {
            "sleep": (rounds * 34_000_000, rounds * HOUR_US),
            "wake": (rounds * 2_000_000, rounds * 90_000),
            "sense": (rounds * (9_000_000 + 300_000 * node), rounds * 64_000_000),
            "compute": (rounds * 21_000_000 + 60_000_000, rounds * 2_000_000),
            "transmit": (radio * rounds * (6_000_000 + round(4_000_000 * wobble(4, node))), radio * rounds * 300_000),
            "receive": (radio * rounds * 7_000_000, radio * rounds * 350_000),
            "flash": (rounds * 3_000_000, rounds * 120_000),
        }
        for cause, (energy_nj, time_us) in drawn.items():
            yield EnergyRow(line=line, node=node, cause=cause, energy_nj=energy_nj, time_us=time_us)


def battery(line: str, node: int, cells: bool) -> BatteryRow:
    died = line == "federated" and node == 7
    return BatteryRow(
        line=line,
        node=node,
        capacity_nj=2_430_000_000_000 if cells else 0,
        drawn_nj=sum(row.energy_nj for row in energy(line, 10) if row.node == node),
        alive=not died,
        died_us=9 * HOUR_US if died else -1,
    )


def wrong() -> list[EventRow]:
    texts = [
        (2, 3, "lost", "push lost 4 times at 2 % loss, link closed"),
        (4, 9, "late", "reply 2.4 s after the timeout of 30 min"),
        (5, 9, "stale", "reply to round 4 arrived in round 5"),
        (9, 7, "died", "cell empty: 2,430 J drawn"),
    ]
    return [
        EventRow(line="federated", time_us=number * HOUR_US + 5, node=node, round=number, kind=kind, detail=text)
        for number, node, kind, text in texts
    ]


def ledger() -> list[LedgerRow]:
    ram = [
        ("SoftDevice S140, working memory", 12_288, "what sd_ble_enable() asks for", "reserved", True),
        ("SoftDevice S140, its stack", 1_792, "frames on the shared call stack", "reserved", False),
        ("arena", 41_200, "activations and gradients of one step", "planned", False),
        ("trained weights", 4_412, "copied from flash to be changed", "planned", False),
        ("exponents and moments", 1_180, "one per trained channel", "planned", False),
        ("radio buffers", 2_048, "one frame in, one frame out", "planned", False),
        ("training windows", 48_000, "160 windows of 300 B", "planned", False),
        ("runtime data", 5_120, "C library and client", "measured", False),
        ("stack", 4_096, "declared", "planned", False),
    ]
    rom = [
        ("MBR and SoftDevice S140", 159_744, "APP_CODE_BASE 0x27000", "reserved", False),
        ("bootloader", 49_152, "updates over Bluetooth", "reserved", False),
        ("code", 38_912, "arm cortex-m4 -Os", "measured", False),
        ("frozen weights", 16_384, "int8", "planned", False),
        ("plan and tables", 6_200, "canonical bytes", "planned", False),
        ("model slots", 73_728, "two slots and a log", "modelled", False),
    ]
    return [
        LedgerRow(
            board="nrf52840", memory=memory, bank=bank, item=item, bytes=size, reason=why, basis=basis, unverified=doubt
        )
        for memory, bank, items in (("sram", "ram", ram), ("flash", "flash", rom))
        for item, size, why, basis, doubt in items
    ]


def plan() -> list[PlanRow]:
    """Activations that wait for their gradients, gradients that die young; each at the lowest offset that is free."""
    sizes = [300, 1200, 1200, 1200, 624, 1248, 1248, 832, 832, 416, 96, 7]
    tensors = [(f"a{step}", size, step, 2 * len(sizes) - step) for step, size in enumerate(sizes)]
    tensors += [(f"g{step}", size, 23 - step, 24 - step) for step, size in enumerate(sizes)][4:]
    rows: list[PlanRow] = []
    for name, size, first, last in tensors:
        near = sorted((r.offset, r.offset + r.bytes) for r in rows if r.first_step <= last and first <= r.last_step)
        offset = 0
        for start, end in near:
            if offset + size > start:
                offset = max(offset, end)
        rows.append(PlanRow(tensor=name, bytes=size, offset=offset, first_step=first, last_step=last))
    return rows


def values() -> list[ValueRow]:
    facts = [
        ("command", "fleet run scenarios/quickstart.yaml --seed 0", "given"),
        ("seed", "0", "given"),
        ("scheme", "sparse: 3,527 values", "given"),
        ("bank:nrf52840:sram:ram", "262144", "given"),
        ("bank:nrf52840:flash:flash", "1048576", "given"),
        ("raw_bytes", "32100", "counted"),
        ("digest:federated:round", "9f" * 32, "counted"),
        ("basis:accuracy", "windows recognised by the int8 engine that runs on the node", "counted"),
        ("basis:bytes", "length of the encoded frames", "counted"),
        ("basis:compute time", "op counts and cycles per instruction of the board, error about 30 %", "modelled"),
        ("basis:energy", "currents of the data sheet times modelled time", "modelled"),
        ("basis:SoftDevice memory", "seen in linker files of public projects", "unverified"),
    ]
    return [ValueRow(key=name, value=value, basis=basis) for name, value, basis in facts]
