"""Optimizers and schedules do what their pages say, number for number."""

import keras
import numpy as np
import pytest

from stagewise.recipes.optimization import AdamW, SawTooth

CYCLE = (1.000e-4, 9.055e-5, 6.580e-5, 3.520e-5, 1.045e-5, 1.000e-6, 1.045e-5, 3.520e-5, 6.580e-5, 9.055e-5)
WINNERS = SawTooth(epochs=1120, half_period=5, minimum_learning_rate=1e-6)


def test_a_saw_tooth_has_the_winners_rates_to_its_last_epoch():
    rates = [WINNERS.rate(epoch, 1e-4) for epoch in range(1120)]
    np.testing.assert_allclose(rates, CYCLE * 112, rtol=5e-4)
    by_recursion = [1e-4]  # as PyTorch's CosineAnnealingLR goes from an epoch to the next
    for epoch in range(1, 1120):
        if (epoch - 1 - 5) % 10 == 0:
            by_recursion.append(by_recursion[-1] + (1e-4 - 1e-6) * (1 - np.cos(np.pi / 5)) / 2)
        else:
            share = (1 + np.cos(np.pi * epoch / 5)) / (1 + np.cos(np.pi * (epoch - 1) / 5))
            by_recursion.append(share * (by_recursion[-1] - 1e-6) + 1e-6)
    np.testing.assert_allclose(rates, by_recursion, atol=1e-12)


def test_snapshots_of_the_winner_lie_behind_the_rates_of_the_sheet():
    rates = [WINNERS.rate(epoch - 1, 1e-4) for epoch in (515, 705, 915, 1115, 798)]
    np.testing.assert_allclose(rates, [1.045e-5] * 4 + [3.520e-5], rtol=5e-4)


@pytest.mark.parametrize("layer", [keras.layers.Dense(2), keras.layers.BatchNormalization()])
def test_every_parameter_decays_and_moves_as_adamw_says(layer):
    model = keras.Sequential([keras.Input((3,)), layer])
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(1, 1, variable.shape))
    optimizer = AdamW(learning_rate=1e-3, weight_decay=0.1, epsilon=1e-8, accumulation_steps=1).made()
    optimizer.build(model.trainable_variables)
    values = [np.array(variable, np.float64) for variable in model.trainable_variables]
    first, second = ([np.zeros_like(value) for value in values] for _ in range(2))
    for step in range(1, 6):
        gradients = [generator.normal(0, 1, value.shape) for value in values]
        optimizer.apply([gradient.astype(np.float32) for gradient in gradients], model.trainable_variables)
        for number, gradient in enumerate(gradients):
            first[number] = 0.9 * first[number] + 0.1 * gradient
            second[number] = 0.999 * second[number] + 0.001 * gradient**2
            moved = first[number] / (1 - 0.9**step) / (np.sqrt(second[number] / (1 - 0.999**step)) + 1e-8)
            values[number] = values[number] * (1 - 1e-3 * 0.1) - 1e-3 * moved
    for variable, value in zip(model.trainable_variables, values, strict=True):
        np.testing.assert_allclose(np.array(variable), value, atol=2e-6)
