"""What networks are built from: shapes, classes of components, where components start, sizes."""

from __future__ import annotations

import numpy as np
import pytest

from vo_photoz.errors import UsageError
from vo_photoz.redshift.classes import CLASSES
from vo_photoz.redshift.networks import NetworkShape, build_network, component_classes, component_starts

BANDS = (1.0,) * 5


def test_stars_have_one_component_and_the_others_as_many_as_asked():
    assert component_classes(CLASSES, 2) == ("STAR", "GALAXY", "GALAXY", "QSO", "QSO")
    assert component_classes(("QSO", "STAR"), 3) == ("QSO", "QSO", "QSO", "STAR")
    assert component_classes((), 5) == ()
    shape = NetworkShape(5, 28, 4, BANDS, 1.0, 1.0, classes=CLASSES)
    assert (shape.mixture_components, shape.free_components) == (9, 8)
    plain = NetworkShape(5, 28, 4, BANDS, 1.0, 1.0)
    assert (plain.mixture_components, plain.free_components, plain.component_classes) == (4, 4, ())


def test_components_start_where_the_redshifts_of_their_class_are():
    rng = np.random.default_rng(1)
    kind = np.repeat(["STAR", "GALAXY", "QSO"], 1000)
    z = np.concatenate([np.zeros(1000), rng.uniform(0, 1, 1000), rng.uniform(0, 7, 1000)])
    means, scales = component_starts(z, 5, kind=kind, classes=CLASSES)
    assert means == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9, 0.7, 2.1, 3.5, 4.9, 6.3], abs=0.2)
    assert scales == pytest.approx([12**-0.5] * 5 + [7 * 12**-0.5] * 5, rel=0.05)
    alone, _ = component_starts(rng.uniform(0, 7, 1000), 2)
    assert alone == pytest.approx([1.75, 5.25], abs=0.3)


def test_one_redshift_is_enough_and_none_is_told():
    assert component_starts([3.0], 2) == ((3.0, 3.0), (0.01, 0.01))
    with pytest.raises(UsageError, match="No training GALAXY has a redshift"):
        component_starts([3.0], 2, kind=["QSO"], classes=CLASSES)
    with pytest.raises(UsageError, match="needs the class"):
        component_starts([3.0], 2, classes=CLASSES)


def test_shapes_that_cannot_be_meant_are_refused():
    with pytest.raises(UsageError, match=r"no architecture 'resnet'. Known: compact, dcmdn-1, dcmdn-2"):
        NetworkShape(5, 28, 5, BANDS, 1.0, 1.0, architecture="resnet")
    with pytest.raises(UsageError, match="5 free components got 2 start_means"):
        NetworkShape(5, 28, 5, BANDS, 1.0, 1.0, start_means=(1.0, 2.0))
    with pytest.raises(UsageError, match="no class 'PLANET'"):
        NetworkShape(5, 28, 5, BANDS, 1.0, 1.0, classes=("STAR", "PLANET"))
    with pytest.raises(UsageError, match="STAR alone"):
        NetworkShape(5, 28, 5, BANDS, 1.0, 1.0, classes=("STAR",))
    small = NetworkShape(5, 12, 5, BANDS, 1.0, 1.0, architecture="dcmdn-1")
    with pytest.raises(UsageError, match="sees 16 x 16 pixels; the stamps have 12 x 12"):
        build_network(small)


# 15 channels in, 15 numbers out. dcmdn-1: 3*3*15*256 + 256, 2*2*256*512 + 512, 2*2*512*1024 + 1024,
# 4096*500 + 500, 500*100 + 100, 100*15 + 15; dcmdn-2 in the same way.
@pytest.mark.parametrize(
    ("architecture", "parameters", "first_dense"),
    [("dcmdn-1", 4_757_907, 4096 * 500), ("dcmdn-2", 39_032_467, 65_536 * 500)],
)
def test_the_networks_of_the_paper_have_its_sizes(architecture, parameters, first_dense):
    network = build_network(NetworkShape(5, 28, 5, BANDS, 1.0, 1.0, architecture=architecture))
    trainable = sum(int(np.prod(one.shape)) for one in network.trainable_variables)
    assert trainable == parameters
    assert int(np.prod(network.get_layer("dense_1").kernel.shape)) == first_dense
    kinds = [layer.activation.__name__ for layer in network.layers if layer.name.startswith("conv")]
    assert kinds == ["tanh"] * (len(kinds) - 1) + ["relu"]


def test_compact_is_small():
    network = build_network(NetworkShape(5, 28, 5, BANDS, 1.0, 1.0, classes=CLASSES))
    assert network.count_params() < 4_757_907 / 10
