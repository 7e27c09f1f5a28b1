"""Numbers of params.yaml, each within what works: none is infinite, takes terabytes, or lets a loss overflow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

# of whatever draws: scikit-learn and UMAP take 32 bits
Seed = Annotated[int, Field(ge=0, lt=2**32)]

# how often
Epochs = Annotated[int, Field(ge=1, le=100_000)]
# from 0, or how many where none will do
EpochsOrNone = Annotated[int, Field(ge=0, le=100_000)]
# as a scale of time, which need not be whole
Duration = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Steps = Annotated[int, Field(ge=1, le=1_000_000)]
Times = Annotated[int, Field(ge=1, le=1000)]

# how many; what is more than a pool has is cut to it or refused where the pool is known
Amount = Annotated[int, Field(ge=1, le=10_000_000)]
# of which one alone says nothing
Several = Annotated[int, Field(ge=2, le=10_000_000)]
AmountOrNone = Annotated[int, Field(ge=0, le=10_000_000)]
Classes = Annotated[int, Field(ge=1, le=100_000)]
# in one pass through a network; batch norm needs two
BatchSize = Annotated[int, Field(ge=2, le=65_536)]
# numbers in a vector; of one, normalised, only the sign is left
Width = Annotated[int, Field(ge=2, le=16_384)]
Widths = Annotated[list[Width], Field(min_length=1, max_length=16)]
Pixels = Annotated[int, Field(ge=1, le=512)]

# of a whole
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
ShareOrNone = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
ShareNotAll = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Fraction = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]

# a learning rate
Rate = Annotated[float, Field(ge=1e-9, le=100, allow_inf_nan=False)]
# of a loss among others
Weight = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
# what scores are divided by before a softmax
Temperature = Annotated[float, Field(ge=1e-3, le=1e3, allow_inf_nan=False)]
# whose square float32 holds
Distance = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False)]
# scikit-learn's C: 0 would leave no weight, and without an end separable labels have none either
Strength = Annotated[float, Field(ge=1e-4, le=1e6, allow_inf_nan=False)]
