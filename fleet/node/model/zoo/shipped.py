"""The int8 models that ship in the package."""

from pathlib import Path

from fleet.base.errors import InputError
from fleet.base.places import package_data
from fleet.node.model.graph import Graph
from fleet.node.model.graph_file import load_graph


def shipped_path(zoo: str, data: str, draw: int) -> Path:
    """Where the model pretrained for this net, data set and draw lies in the package, whether or not it does."""
    return package_data("node", "model", "shipped", f"{zoo}.{data}.{draw}.npz")


def shipped_model(zoo: str, data: str, draw: int) -> Graph:
    """The int8 model that ships for this net, data set and draw; InputError when there is none."""
    path = shipped_path(zoo, data, draw)
    if not path.is_file():
        text = f"expected a model of {zoo} for {data}, draw {draw}, got none shipped; name a file of `fleet prepare`"
        raise InputError.one("model.pretrained", text)
    return load_graph(path)
