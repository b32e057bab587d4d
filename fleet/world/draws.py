"""What a transfer and a sleep draw from a store."""

from fleet.world.meter import Cause, Draw
from fleet.world.power import Power
from fleet.world.radio.link import Direction, Standby, Transfer


def radio_draws(power: Power, transfer: Transfer, direction: Direction) -> list[Draw]:
    """What a transfer draws, by state. Their order within a transfer is not kept, so a death in it is timed roughly.

    The gaps between two packets count for the direction of the message.
    """
    gaps = Cause.TRANSMIT if direction is Direction.UP else Cause.RECEIVE
    return [
        Draw(cause=Cause.WAKE, current_na=power.wake_na, time_us=transfer.start_us),
        Draw(cause=Cause.WAKE, current_na=power.run_na, time_us=transfer.control_us),
        Draw(cause=Cause.RECEIVE, current_na=power.receive_na, time_us=transfer.receive_us),
        Draw(cause=Cause.TRANSMIT, current_na=power.transmit_na, time_us=transfer.transmit_us),
        Draw(cause=gaps, current_na=power.radio_idle_na, time_us=transfer.idle_us),
        Draw(cause=Cause.SLEEP, current_na=power.sleep_na, time_us=transfer.sleep_us),
    ]


def sleep_draws(power: Power, standby: Standby | None, since_us: int, until_us: int) -> list[Draw]:
    """What a sleep draws, the radio's standby in it included; each state as one piece."""
    if standby is None:
        return [Draw(cause=Cause.SLEEP, current_na=power.sleep_na, time_us=until_us - since_us)]
    return radio_draws(power, standby.over(since_us, until_us), Direction.DOWN)
