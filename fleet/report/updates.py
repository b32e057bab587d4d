"""What became of the updates of a running fleet: stage by stage, in the federated line."""

from dataclasses import dataclass
from html import escape
from typing import Final

from fleet.record import RunFolder
from fleet.report.numbers import count, duration, size
from fleet.report.tables import table

HEADINGS: Final = (
    "update",
    "stage",
    "asked",
    "what became of it",
    "from",
    "to",
    "each, at most",
    "flash at work, mean",
)
ENDED: Final = "update:federated:"  # facts that say how each campaign ended
WORDS: Final = {
    "confirmed": "confirmed",
    "reverted": "reverted",
    "floor": "too little energy",
    "lost": "lost on the way",
    "unheard": "not heard of again",
    "died": "died",
    "off": "off",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateStage:
    """One stage of a campaign. results: what became of it → attempts. payload_bytes: of the node that got most."""

    update: str
    stage: int
    results: dict[str, int]
    asked_us: int
    known_us: int
    payload_bytes: int
    flash_us: int

    def cells(self) -> tuple[str, ...]:
        """The stage as words, under HEADINGS."""
        became = ", ".join(f"{self.results[name]:,} {word}" for name, word in WORDS.items() if name in self.results)
        return (
            self.update,
            "canaries" if self.stage == 0 else str(self.stage),
            count(sum(self.results.values()), "time"),
            became,
            duration(self.asked_us),
            duration(self.known_us),
            size(self.payload_bytes),
            duration(self.flash_us),
        )


def update_stages(run: RunFolder) -> list[UpdateStage]:
    """The stages of every update of the federated line, in the order of their start."""
    frame = run.table("updates")
    stages = frame[frame["line"] == "federated"].groupby(["update", "stage"], sort=False)
    found = [
        UpdateStage(
            update=str(rows["update"].iloc[0]),
            stage=int(rows["stage"].iloc[0]),
            results={str(name): int(n) for name, n in rows["result"].value_counts().items()},
            asked_us=int(rows["asked_us"].min()),
            known_us=int(rows["known_us"].max()),
            payload_bytes=int(rows["payload_bytes"].max()),
            flash_us=int(rows["flash_us"].sum()) // len(rows),
        )
        for _, rows in stages
    ]
    return sorted(found, key=lambda each: (each.asked_us, each.update, each.stage))


def updates_table(stages: list[UpdateStage], ended: dict[str, str]) -> str:
    """HTML: how each campaign ended, and its stages. ended: update → its end in words."""
    said = "".join(f"<p><b>{escape(name)}</b>: {escape(words)}.</p>" for name, words in ended.items())
    return said + table(HEADINGS, [each.cells() for each in stages], numbers_from=len(HEADINGS))
