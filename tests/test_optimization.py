"""Optimizers and schedules do what their pages say, number for number."""

import keras
import numpy as np
import pytest

from stagewise.recipes.optimization import AdamW, BalancedCrossEntropy, ClippedAdam, CycledAdam
from stagewise.recipes.schedules import OneCycle, SawTooth

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


def decoupled(values: list[np.ndarray], gradients: list[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """AdamW: gradients as they are, and beside the step a share of each weight goes."""
    return gradients, 1e-3 * 0.1


def clipped_and_coupled(values: list[np.ndarray], gradients: list[np.ndarray]) -> tuple[list[np.ndarray], float]:
    """Gradients of a norm of 0.1 at most in all, and then a share of each weight inside them."""
    scale = min(1, 0.1 / (np.sqrt(sum(np.sum(gradient**2) for gradient in gradients)) + 1e-6))
    return [gradient * scale + 5e-2 * value for gradient, value in zip(gradients, values, strict=True)], 0


@pytest.mark.parametrize("layer", [keras.layers.Dense(2), keras.layers.BatchNormalization()])
@pytest.mark.parametrize(
    ("part", "rule", "size", "atol"),
    [
        (AdamW(learning_rate=1e-3, weight_decay=0.1, epsilon=1e-8, accumulation_steps=1), decoupled, lambda _: 1, 2e-6),
        (  # not clipped at first, and clipped at last
            ClippedAdam(learning_rate=1e-3, clip=0.1, decay=5e-2, accumulation_steps=1),
            clipped_and_coupled,
            lambda step: 0.02 * step,
            5e-6,
        ),
    ],
    ids=["decoupled", "clipped and coupled"],
)
def test_every_parameter_decays_and_moves_as_its_rule_says(layer, part, rule, size, atol):
    model = keras.Sequential([keras.Input((3,)), layer])
    generator = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(generator.normal(1, 1, variable.shape))
    optimizer = part.made()
    optimizer.build(model.trainable_variables)
    values = [np.array(variable, np.float64) for variable in model.trainable_variables]
    first, second = ([np.zeros_like(value) for value in values] for _ in range(2))
    for step in range(1, 9):
        gradients = [generator.normal(0, size(step), value.shape) for value in values]
        optimizer.apply([gradient.astype(np.float32) for gradient in gradients], model.trainable_variables)
        seen, share = rule(values, gradients)
        for number, gradient in enumerate(seen):
            first[number] = 0.9 * first[number] + 0.1 * gradient
            second[number] = 0.999 * second[number] + 0.001 * gradient**2
            moved = first[number] / (1 - 0.9**step) / (np.sqrt(second[number] / (1 - 0.999**step)) + 1e-8)
            values[number] = values[number] * (1 - share) - 1e-3 * moved
    for variable, value in zip(model.trainable_variables, values, strict=True):
        np.testing.assert_allclose(np.array(variable), value, atol=atol)


ONE_CYCLE = OneCycle(epochs=30, rising=1e-4, start_factor=1 / 25, end_factor=1 / 25e4, betas=(0.95, 0.85))
STEPS = 7137  # an epoch's, of the third place


@pytest.mark.parametrize(
    ("step", "rate", "beta"),
    [  # of PyTorch's OneCycleLR
        (0, 4.000e-6, 0.9500),
        (10, 5.048e-5, 0.9016),
        (21, 1.000e-4, 0.8500),
        (STEPS, 9.9728e-5, 0.85027),
        (15 * STEPS, 5.0007e-5, 0.89999),
        (25 * STEPS, 6.7000e-6, 0.94330),
        (29 * STEPS, 2.743e-7, 0.94973),
        (30 * STEPS - 1, 4.0e-10, 0.9500),
    ],
)
def test_one_cycle_has_the_winners_rates_and_betas(step, rate, beta):
    found_rate, found_beta = ONE_CYCLE.at(step, 30 * STEPS, 1e-4)
    assert found_rate == pytest.approx(rate, rel=2e-4)
    assert found_beta == pytest.approx(beta, abs=1e-4)


@pytest.mark.parametrize("steps", [2, 3, 100, 15_000], ids="of {} batches".format)
def test_one_cycle_of_few_batches_begins_at_or_below_the_highest_rate_and_ends_at_the_least(steps):
    rates, betas = zip(*[ONE_CYCLE.at(step, steps, 1e-4) for step in range(steps)], strict=True)
    assert rates[-1] == pytest.approx(4e-10) and betas[-1] == pytest.approx(0.95)
    assert max(rates) <= 1e-4 * (1 + 1e-12) and min(betas) >= 0.85 - 1e-12
    assert np.argmax(rates) == np.argmin(betas)


def test_adam_follows_a_beta_that_is_set_between_two_steps_also_where_the_step_is_compiled():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    optimizer = CycledAdam(learning_rate=1e-2, beta_2=0.999, epsilon=1e-8, accumulation_steps=1).made()
    model.compile(optimizer, "mse", jit_compile=False)
    optimizer.build(model.trainable_variables)
    generator = np.random.default_rng(0)
    value = np.array(model.get_weights()[0], np.float64)
    first, second = np.zeros_like(value), np.zeros_like(value)
    for step, beta in enumerate((0.95, 0.90, 0.85, 0.93), start=1):
        inputs, wanted = generator.normal(size=(4, 3)), generator.normal(size=(4, 1))
        optimizer.beta_1 = beta
        model.train_on_batch(inputs, wanted)
        gradient = 2 * inputs.T @ (inputs @ value - wanted) / 4
        first = beta * first + (1 - beta) * gradient
        second = 0.999 * second + 0.001 * gradient**2
        value -= 1e-2 * first / (1 - beta**step) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
        np.testing.assert_allclose(model.get_weights()[0], value, atol=2e-6)


def test_zeroed_variables_are_a_fresh_optimizer_with_its_own_beta():
    variable = keras.Variable(np.ones(2, np.float32))
    optimizer = CycledAdam(learning_rate=1e-2, beta_2=0.999, epsilon=1e-8, accumulation_steps=1).made()
    optimizer.build([variable])
    optimizer.beta_1 = 0.5
    for one in optimizer.variables:
        one.assign(np.zeros(one.shape, one.dtype))
    assert float(optimizer.beta_1) == pytest.approx(0.9)


def test_a_sure_mistake_still_teaches_and_classes_weigh_the_same():
    loss = BalancedCrossEntropy()
    assert loss.stalled_weight(np.array([1] * 635 + [0] * 6502)) == pytest.approx(10.239, abs=5e-4)
    logits = np.array([[-30.0], [0.0], [30.0]], np.float32)
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    found = [float(loss.made()(np.ones((1, 1)), p[None].astype(np.float32))) for p in probabilities]
    np.testing.assert_allclose(found, [30, np.log(2), 0], atol=1e-5)
    beyond = float(loss.made()(np.ones((1, 1)), np.zeros((1, 1), np.float32)))
    assert 87 < beyond < 88  # finite
