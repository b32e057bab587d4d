"""A message over a link in simulated time: in one piece, or in many where others use the same air."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from fleet.world.draws import radio_draws
from fleet.world.gateway import Gateway
from fleet.world.meter import Draw
from fleet.world.power import Power
from fleet.world.radio.link import Direction, Link, SharesAir, SharesGateway, Transfer

Spend = Callable[[list[Draw], str], Generator[simpy.Event, Any, bool]]
"""Passes the time of some draws of a node and books them; false when the node died over them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes over the link. key: of its losses."""

    node: int
    direction: Direction
    payload_bytes: int
    key: int

    @property
    def doing(self) -> str:
        """What the node does with it, in a word."""
        return "receiving" if self.direction is Direction.DOWN else "sending"


def carried(
    message: Message, link: Link, power: Power, gateway: Gateway | None, env: simpy.Environment, spend: Spend
) -> Generator[simpy.Event, Any, Transfer | None]:
    """The transfer, once its time has passed; None when the node died over it."""
    if gateway is None:
        return (yield from _alone(message, link, power, env, spend))
    gateway.joined(message.node)
    yield env.timeout(0)  # whoever begins at the same moment has joined, too
    if isinstance(link, SharesAir):
        transfer = yield from _on_one_air(message, link, power, gateway, env, spend)
    else:
        crowded = link.among(gateway.talking) if isinstance(link, SharesGateway) else link
        transfer = yield from _alone(message, crowded, power, env, spend)
    gateway.left(message.node)
    return transfer


def _alone(
    message: Message, link: Link, power: Power, env: simpy.Environment, spend: Spend
) -> Generator[simpy.Event, Any, Transfer | None]:
    transfer = link.transfer(message.direction, message.payload_bytes, message.key, at_us=int(env.now))
    lives = yield from spend(radio_draws(power, transfer, message.direction), message.doing)
    return transfer if lives else None


def _on_one_air(
    message: Message, link: SharesAir, power: Power, gateway: Gateway, env: simpy.Environment, spend: Spend
) -> Generator[simpy.Event, Any, Transfer | None]:
    """Piece by piece, on an air that others of the gateway use as well."""
    session = link.session(message.direction, message.payload_bytes, message.key, at_us=int(env.now))
    lives = True
    while lives:
        gateway.joined(message.node)
        if (piece := session.step(gateway.talking)) is None:
            break
        gateway.took(message.node, piece)
        lives = yield from spend(radio_draws(power, piece, message.direction), message.doing)
    return session.total if lives else None
