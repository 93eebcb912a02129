"""Wild inputs can be reproduced from their seed, and are made from real inputs without changing those."""

from value_copies import frozen_copy, same


def test_a_seed_makes_the_same_arguments_again(all_nodes, tiny_models):
    from node_examples import EXAMPLES
    from wild_inputs import wild_arguments

    different = 0
    for node_class in all_nodes:
        schema = node_class.GET_SCHEMA()
        if schema.node_id not in ("InbetweenKeyframes", "InbetweenClipContext", "InbetweenJoin", "InbetweenFinish"):
            continue
        example = next(EXAMPLES[schema.node_id]())
        given = frozen_copy(example)
        for seed in range(40):
            first, again = (wild_arguments(example, schema.inputs, f"{seed}") for _ in range(2))
            assert first.changes == again.changes
            assert same(frozen_copy(first.arguments), frozen_copy(again.arguments))
            different += not same(frozen_copy(first.arguments), given)
        assert same(frozen_copy(example), given), "the real arguments were written to"
    assert different > 0.75 * 4 * 40
