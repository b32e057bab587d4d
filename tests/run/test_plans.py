"""Plans without data: networks by name or file, schemes on boards, the largest that fits, and what would help."""

from dataclasses import replace
from pathlib import Path

import pytest

from fleet.base.errors import DoesNotFit, InputError
from fleet.node.cost import step_cost
from fleet.node.model.graph_file import save_graph
from fleet.node.model.recipe import Exponents, Gradients, Loss, Recipe
from fleet.node.model.schemes import named_scheme
from fleet.node.model.untrained import untrained_graph
from fleet.node.model.zoo import ZOO, zoo_net
from fleet.node.plan import plan_of
from fleet.node.plan.counts import training_counts, work_of
from fleet.node.profile import Profile, load_profile
from fleet.run.plans import Network, OnBoard, Terms, check_budget, network, on_board, planned
from fleet.run.proposals import Search, changes, listed

TERMS = Terms()


def quiet(_text: str) -> None:
    """Told what is planned."""


def board(sram_bytes: int | None = None) -> Profile:
    """An stm32f746, with another size of its first bank."""
    profile = load_profile("stm32f746")
    if sram_bytes is None:
        return profile
    first, *rest = profile.banks
    return replace(profile, banks=(replace(first, size_bytes=sram_bytes), *rest))


def search(net: Network, profile: Profile, terms: Terms = TERMS) -> Search:
    return Search(net=net, terms=terms, profile=profile, said=quiet)


@pytest.fixture(scope="module")
def speech() -> Network:
    return network("ds-cnn")


def test_a_net_published_for_imagenet_gets_a_new_head_and_says_so() -> None:
    net = network("mcunet-5fps", side=48)
    assert (net.graph.input.shape, net.graph.classes) == ((48, 48, 3), 10)
    assert "a new head for 10 classes; the published one has 1,000" in net.said
    assert network("mcunet-5fps", side=48, classes=1000).graph.classes == 1000
    assert network("ds-cnn").graph.classes == ZOO["ds-cnn"].classes


def test_the_side_of_a_signal_is_its_length_and_of_a_spectrogram_its_time(speech: Network) -> None:
    assert network("imu-ds-cnn", side=32).graph.input.shape == (32, 1, 6)
    assert network("ds-cnn", side=98).graph.input.shape == (98, 20, 1)
    assert speech.graph.input.shape == (49, 10, 1)


def test_a_file_is_planned_as_the_net_that_it_holds(tmp_path: Path, speech: Network) -> None:
    file = tmp_path / "own.npz"
    save_graph(speech.graph, file)
    own, named = network(str(file)), planned(speech, "last_k:2", TERMS)
    assert own.said == ("weights of own.npz", "the head of the file")
    assert planned(own, "last_k:2", TERMS).plan.arena_bytes == named.plan.arena_bytes
    assert network(str(file), classes=3).graph.classes == 3
    with pytest.raises(InputError, match="--resolution: expected no resolution for a network of a file, got 32"):
        network(str(file), side=32)


def test_a_net_without_a_head_trains_to_reproduce_its_input() -> None:
    net = network("ad-autoencoder")
    found = planned(net, "last_k:2", TERMS)
    assert found.plan.scheme.recipe.loss is Loss.SQUARED_ERROR
    assert found.plan.layout.classes == 0


@pytest.mark.parametrize("name, said", [("ds-cn", "did you mean 'ds-cnn'"), ("none.tflite", "No such file")])
def test_what_is_no_network_is_refused_with_the_nearest_or_the_reason(name: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        network(name)


@pytest.mark.parametrize("scheme", ["head", "last_k:4", "full"])
@pytest.mark.parametrize("gradients", Gradients)
def test_whatever_the_tactics_everything_trains_and_the_work_is_the_same(
    speech: Network, scheme: str, gradients: Gradients
) -> None:
    """In a separable network the bottlenecks that could run by channels overlap: none may be lost."""
    recipe = Recipe(gradients=gradients, exponents=Exponents.STATIC)
    found = planned(speech, scheme, Terms(recipe=recipe))
    plain = plan_of(found.plan.graph, found.plan.scheme)
    updates, wanted = (
        sorted((step.code.name, step.op) for step in plan.steps if step.code.name.startswith("UPDATE"))
        for plan in (found.plan, plain)
    )
    assert updates == wanted
    macs = [
        sum(count.macs for work in work_of(p)[: p.draft.program.loss] for count in work) for p in (found.plan, plain)
    ]
    assert macs[0] == macs[1] > 0
    assert on_board(found, board()).cost == step_cost(board(), training_counts(found.plan))


def test_no_plan_is_below_its_floor_and_the_window_of_a_streamed_one_is_not_in_it() -> None:
    net = network("ds-cnn")
    streamed, resident = (planned(net, "full", Terms(input_streamed=way)) for way in (True, False))
    assert streamed.floor.total_bytes <= streamed.size_bytes
    assert resident.floor.total_bytes <= resident.size_bytes
    assert resident.floor.slices_bytes - streamed.floor.slices_bytes == net.graph.input.size


def test_a_budget_is_kept_or_refused_with_the_arithmetic(speech: Network) -> None:
    least = planned(speech, "last_k:2", TERMS)
    roomy = Terms(budget_bytes=least.size_bytes + 20_000)
    found = planned(speech, "last_k:2", roomy)
    check_budget(found, roomy)
    assert len(found.plan.tactics.segments) <= len(least.plan.tactics.segments)
    tight = Terms(budget_bytes=1000)
    with pytest.raises(DoesNotFit, match=r"expected at most 1,000 B, got [\d,]+ B of 'last_k:2', [\d,]+ B over"):
        check_budget(planned(speech, "last_k:2", tight), tight)


def test_the_list_holds_the_published_schemes_of_a_net_that_has_some(speech: Network) -> None:
    mcunet = listed(untrained_graph(zoo_net("mcunet-5fps", 10, (48, 48, 3))))
    assert {"sparse:49kb", "sparse:148kb", "last_k:12", "full", "head", "bias"} <= set(mcunet)
    for text in [text for text in listed(speech.graph) if text.startswith("sparse")]:
        assert named_scheme(speech.graph, text).scheme.trained


# --- the largest that fits ---------------------------------------------------------------------------------------


def best_of_all(net: Network, profile: Profile) -> int:
    """Most trained values over every scheme with a name, by trying all of them."""
    layers = len(net.graph.weighted) - 1
    texts = [*listed(net.graph), *(f"{kind}:{count}" for kind in ("bias", "last_k") for count in range(1, layers + 1))]
    sizes = [0]
    for text in texts:
        try:
            found = on_board(planned(net, text, TERMS), profile)
        except InputError:
            continue
        sizes.append(found.planned.plan.layout.size * found.fits)
    return max(sizes)


@pytest.mark.parametrize("sram_bytes", [12_000, 30_000, 90_000])
def test_the_largest_that_fits_is_the_largest_of_all(sram_bytes: int, speech: Network) -> None:
    profile = board(sram_bytes)
    best = search(speech, profile).largest()
    assert (best.planned.plan.layout.size if best else 0) == best_of_all(speech, profile)
    assert best is None or best.fits


def test_a_board_with_no_byte_to_spare_holds_the_scheme_and_one_with_four_less_does_not(speech: Network) -> None:
    for scheme in ("full", "last_k:4"):
        exact = on_board(planned(speech, scheme, TERMS), board())
        roomy, tight = (board(exact.sram_bytes - less) for less in (0, 4))
        assert search(speech, replace(roomy, banks=roomy.banks[:1])).tried(scheme) is not None
        assert search(speech, replace(tight, banks=tight.banks[:1])).tried(scheme) is None
        spread = search(speech, tight).tried(scheme)
        assert spread is not None
        assert spread.ledger.symbols("sram")["fe_stack"].bank == "dtcm"


def test_where_nothing_fits_two_changes_are_proposed_that_make_the_head_fit() -> None:
    net, profile = network("mcunet-5fps"), board(26_000)
    found = search(net, profile)
    assert found.largest() is None
    texts = changes(found)
    assert texts == ["--resolution 96", "--device esp32c3"]
    assert search(network("mcunet-5fps", side=96), profile).tried("head") is not None


def test_a_resident_window_and_dynamic_exponents_are_changes_too() -> None:
    net, profile = network("mcunet-5fps"), board(50_000)
    resident = Terms(input_streamed=False)
    assert changes(search(net, profile, resident))[0] == "--input streamed"


def test_fp32_gradients_propose_no_exponents() -> None:
    terms = Terms(recipe=Recipe(gradients=Gradients.FP32, exponents=Exponents.DYNAMIC))
    texts = changes(search(network("mcunet-5fps"), board(26_000), terms))
    assert "--exponents static" not in texts


def test_a_board_is_told_from_what_its_radio_stack_keeps(speech: Network) -> None:
    found: OnBoard = on_board(planned(speech, "head", TERMS), load_profile("nrf52840"))
    assert found.reserved_bytes == 14_080
    assert found.sram_bytes + found.reserved_bytes == found.ledger.taken("ram")
    assert found.free_bytes == 262_144 - 14_080
