"""How the pneumothorax winner's submissions made masks of probabilities: numbers for the recipe's page."""

from stagewise.recipes.blends import Blend
from stagewise.recipes.mask_rules import Doublet, Triplet

TRIPLETS = {  # of the experiments that were submitted by themselves; Dice on the public leaderboard beside them
    "albunet_public": Triplet(0.75, 800, 0.4),  # 0.8871, with an area of 600
    "albunet_valid": Triplet(0.75, 800, 0.4),  # 0.8842, with an area of 600
    "seunet": Triplet(0.7, 1000, 0.25),  # 0.88, with (0.75, 600, 0.4)
    "resnet50": Triplet(0.75, 1000, 0.4),  # 0.8831, with an area of 600
}
BEST_ON_VALIDATION = Triplet(0.75, 2000, 0.3)
BEST_ON_PUBLIC = Triplet(0.7, 600, 0.3)
DOUBLETS = (Doublet(0.3, 1000), Doublet(0.45, 2250))  # albunet_public's at 512 and at 1024
EPOCH_TRIPLETS = tuple(  # an epoch's score is that of the best of them; in the second stage of the first half
    Triplet(top, area, bottom)
    for top, areas in ((0.75, (1000, 2000)), (0.6, (2000, 3000)))
    for area in areas
    for bottom in (0.3, 0.4)
)
LEAST_OUTLINE = 100  # pixels; an outline of at most so many was removed from the blends
BLENDS = {  # private Dice 0.8679 and 0.8641
    "blend_1": Blend(
        {"albunet_public": 0.4, "albunet_valid": 0.2, "seunet": 0.2, "resnet50": 0.2},
        Triplet(0.7, 800, 0.3),
        LEAST_OUTLINE,
    ),
    "blend_2": Blend(
        {"albunet_public": 0.2, "albunet_valid": 0.15, "seunet": 0.4, "resnet50": 0.25},
        Triplet(0.75, 1500, 0.3),
        LEAST_OUTLINE,
    ),
}
