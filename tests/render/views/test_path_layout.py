"""The path of a piece on paper: columns ascend, the address's fields make up the address."""

from __future__ import annotations

import pytest

from xenexplore.render.views.graph_nodes import NodeRole
from xenexplore.render.views.path_layout import address_fields, path_positions
from xenexplore.render.views.piece_paths import piece_paths
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.run.runner import options_of, run
from xenexplore.steps import Copy, PteRead


@pytest.mark.parametrize("name", builtin_names())
def test_every_path_has_its_place_and_every_walk_its_fields(name: str) -> None:
    scenario = load_builtin(name)
    for option in options_of(scenario)[:4]:
        tree = StepTree(run(scenario, option.label).steps)
        for copy in [n.index for n in tree.steps if isinstance(n.step, Copy)][:20]:
            for path in piece_paths(tree, copy)[:10]:
                spots = path_positions(path)
                assert set(path.nodes) - set(spots) <= {
                    k for k in path.nodes if k.role is NodeRole.CALL
                }
                taken = [(spot.layer, spot.row) for key, spot in spots.items()
                         if key.role is not NodeRole.MEANT]  # fmt: skip
                assert len(taken) == len(set(taken))
                for edge in path.edges:
                    if edge.start in spots and edge.way != "miss":
                        assert spots[edge.start].layer < spots[edge.end].layer
                fields = address_fields(tree, path, spots)
                reads = [tree.steps[node.first].step for node in path.nodes.values()
                         if node.kind == "pte-read"]  # fmt: skip
                assert bool(fields) == bool(reads)
                if fields:
                    _make_up(fields, path.va, reads)


def _make_up(fields: object, va: int | None, reads: object) -> None:
    whole, next_bit = 0, 63
    assert isinstance(fields, tuple)
    assert isinstance(reads, list)
    for field in fields:
        assert field.high == next_bit
        value = int(field.text, 10 if field.level > 0 else 16)
        whole |= value << field.low
        next_bit = field.low - 1
    assert (whole, next_bit) == (va, -1)
    indices = [step.index for step in reads if isinstance(step, PteRead)]
    assert [int(field.text) for field in fields if field.level > 0] == indices
