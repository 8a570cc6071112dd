"""The members of an ensemble as one function that does once what they share.

Members differ in their weights alone. What needs no weights, or the same, is computed once for all of them;
layers on an input that all share become one wide layer; a kernel on bands and their differences is folded
when the function is made and not in every batch. The numbers are those of the members, to float32 rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vo_photoz.redshift.backend import keras, ops
from vo_photoz.redshift.inference.layers import Function, Tensor, alike, convolution, of_one_member

POOLING = (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)


def together(networks: Sequence[keras.Model], *, by_products: bool = False) -> Callable[[Tensor], Tensor]:
    """All members as one function: stamps (n, band, y, x) to (n, 3, k), k summed over the members.

    Every member has the same say, so weights are divided by their number. The function is not compiled, and
    holds its weights as constants; ``by_products`` is as of `layers.convolution`.
    """
    steps = _plan(networks, by_products)
    members = len(networks)

    def run(stamps: Tensor) -> Tensor:
        if steps is None:
            return _mixed([network(stamps, training=False) for network in networks])
        values = {steps[0].inputs[0]: Value(shared=stamps)}
        for step in steps:
            values[step.name] = step.run([values[name] for name in step.inputs], members)
        return _mixed(values[steps[-1].name].parts(members))

    return run


@dataclass
class Value:
    """What a layer gives: the same for all members, the channels of all side by side, or one tensor each."""

    shared: Tensor = None
    wide: Tensor = None
    each: list[Tensor] | None = None

    def parts(self, members: int) -> list[Tensor]:
        """One tensor for each member."""
        if self.each is None:
            if self.shared is not None:
                return [self.shared] * members
            one = self.wide.shape[-1] // members
            self.each = [self.wide[..., m * one : (m + 1) * one] for m in range(members)]
        return self.each


@dataclass(frozen=True)
class Step:
    """One layer of all members.

    Parameters
    ----------
    name : str
        Its name in the members.
    inputs : list of str
        Names of the layers that it reads.
    each : list of functions
        The layer of each member.
    same : bool
        Whether all members have the same weights here, or none.
    wide : function or None
        The layers of all members on one input, channels side by side.
    by_channel : bool
        Whether channels do not mix, so that those of all members may stand side by side.
    """

    name: str
    inputs: list[str]
    each: list[Function]
    same: bool
    wide: Function | None
    by_channel: bool

    def run(self, values: list[Value], members: int) -> Value:
        """Apply it, once where that is enough."""
        value = values[0]
        if self.same and all(one.shared is not None for one in values):
            return Value(shared=self.each[0](*(one.shared for one in values)))
        if self.by_channel and value.wide is not None:
            return Value(wide=self.each[0](value.wide))
        if self.wide is not None and value.shared is not None:
            return Value(wide=self.wide(value.shared))
        inputs = zip(*(one.parts(members) for one in values), strict=True)
        return Value(each=[layer(*own) for layer, own in zip(self.each, inputs, strict=True)])


def _mixed(parts: list[Tensor]) -> Tensor:
    """Mixtures of all members as one."""
    weight = ops.concatenate([part[:, 0] for part in parts], axis=-1) / len(parts)
    mean, sigma = (ops.concatenate([part[:, row] for part in parts], axis=-1) for row in (1, 2))
    return ops.stack([weight, mean, sigma], axis=1)


def _plan(networks: Sequence[keras.Model], by_products: bool) -> list[Step] | None:
    """Layers in the order of computing; None if the members are not built alike, layer by layer."""
    graphs = [_graph(network) for network in networks]
    first = graphs[0]
    if first is None or any(graph != first for graph in graphs):
        return None
    steps = []
    for name, inputs, nested in first:
        layers = [network.get_layer(name) for network in networks]
        if inputs:
            each = [_taking_a_list(layer) if nested else of_one_member(layer) for layer in layers]
            wide = convolution(layers, by_products=by_products)
            steps.append(Step(name, inputs, each, alike(layers), wide, isinstance(layers[0], POOLING)))
    return steps


def _taking_a_list(layer: Any) -> Function:
    return lambda *values: layer(list(values))


def _graph(network: keras.Model) -> list[tuple[str, list[str], bool]] | None:
    """Name, inputs and form of the inputs of each layer; None for what is no plain graph with one input."""
    layers = network.get_config().get("layers", [])
    graph = []
    for layer in layers:
        calls = layer.get("inbound_nodes", [])
        if len(calls) > 1 or (calls and len(calls[0]["args"]) != 1):
            return None
        inputs = list(_sources(calls[0]["args"])) if calls else []
        nested = bool(calls) and isinstance(calls[0]["args"][0], list | tuple)
        graph.append((layer["name"], inputs, nested))
    made_of_nothing = [name for name, inputs, _ in graph if not inputs]
    return graph if len(made_of_nothing) == 1 and len(graph) > 1 else None


def _sources(tree: Any) -> Iterator[str]:
    """Names of the layers whose outputs stand in the arguments of a call."""
    if isinstance(tree, dict):
        if tree.get("class_name") == "__keras_tensor__":
            yield tree["config"]["keras_history"][0]
        return
    if isinstance(tree, list | tuple):
        for one in tree:
            yield from _sources(one)
