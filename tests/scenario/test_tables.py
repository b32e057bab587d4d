"""The documents that come from the declaration."""

import json

from fleet.base.declared import declared_fields
from fleet.base.places import scenarios_dir
from fleet.base.yaml import parse
from fleet.node.model.recipe import EXTRA_BITS, Exponents, Gradients, Rule
from fleet.node.model.scheme import KINDS
from fleet.node.profile import boards
from fleet.scenario import dump, load, names
from fleet.scenario.energy_schema import HarvestChoice, StoreChoice
from fleet.scenario.life import LifeChoice
from fleet.scenario.load import LATER
from fleet.scenario.radio_schema import GatewayChoice, LinkChoice, RadioChoice
from fleet.scenario.schema import ScenarioFile
from fleet.scenario.tables import field_table, json_schema_text, readme
from fleet.scenario.updates import UpdateChoice


def test_the_readme_of_the_scenarios_is_fresh() -> None:
    shown = (scenarios_dir() / "README.md").read_text(encoding="utf-8")
    assert shown == readme(), "regenerate it: fleet scenarios --fields > scenarios/README.md"


def test_the_field_table_has_a_row_for_every_key_of_a_resolved_scenario() -> None:
    document = parse(dump(load(scenarios_dir() / "quickstart.yaml")), "f")
    keys = {".".join(str(part) for part in path if not isinstance(part, int)) for path in document.lines if path}
    rows = {line.split("|")[1].strip(" `").replace("[]", "") for line in field_table().splitlines()[2:]}
    assert keys <= rows
    later = {f"{section}.{key}" for section, keys in LATER.items() for key in keys}
    parts = {f"training.schedule.{key}" for key in ("kind", "every", "factor", "lowest")}
    parts |= {"fleet.report.every", "fleet.report.payload"}
    parts |= {"updates", *(f"updates.{key.key}" for key in declared_fields(UpdateChoice))}
    parts |= {f"fleet.life.{key.key}" for key in declared_fields(LifeChoice)}
    radio = {key.key for key in declared_fields(RadioChoice)} - {"kind", "phy", "loss", "interval"}
    talk = {f"fleet.radio.{key}" for key in radio}
    talk |= {f"fleet.radio.link.{key.key}" for key in declared_fields(LinkChoice)}
    talk |= {f"fleet.radio.gateway.{key.key}" for key in declared_fields(GatewayChoice)}
    energy = {f"fleet.energy.{key.key}" for key in declared_fields(StoreChoice)} - {"fleet.energy.store"}
    energy |= {f"fleet.energy.harvest.{key.key}" for key in declared_fields(HarvestChoice)}
    assert rows - keys == {"data.path", "training.scheme.name"} | energy | later | parts | talk


def test_the_json_schema_lists_keys_names_and_ranges() -> None:
    schema = json.loads(json_schema_text())
    assert list(schema["properties"]) == [field.key for field in declared_fields(ScenarioFile)]
    assert schema["additionalProperties"] is False
    group = schema["properties"]["fleet"]["items"]["properties"]
    assert group["board"]["enum"] == list(boards())
    assert group["count"] == {"description": "nodes", "type": "integer", "minimum": 1, "maximum": 1_000_000}
    assert group["radio"]["properties"]["loss"]["default"] == "0 %"
    scheme = schema["properties"]["training"]["properties"]["scheme"]["anyOf"]
    assert (scheme[0], scheme[1]["type"]) == ({"enum": [*KINDS, "named"]}, "object")


def test_every_rule_gradient_and_exponent_of_the_engine_has_a_name_and_a_meaning() -> None:
    assert list(names.UPDATES) == [rule.value for rule in Rule]
    assert list(names.GRADIENTS) == [form.value for form in Gradients]
    assert list(names.EXPONENTS) == [kind.value for kind in Exponents]
    assert set(names.REMEMBERING) == {rule.value for rule, bits in EXTRA_BITS.items() if bits}
    assert set(names.SCHEDULES) == set(names.SCHEDULE_PARAMETERS)


def test_every_scheme_says_which_parameters_it_reads() -> None:
    assert list(names.SCHEME_PARAMETERS) == [*KINDS, "named"]
    assert set(names.COUNTED) == set(names.SCHEME_PARAMETERS)
