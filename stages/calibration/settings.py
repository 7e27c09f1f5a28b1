"""What is predicted of images without a label: the section `predict`."""

from __future__ import annotations

from pydantic import BaseModel, Field, field_validator

from stages.base.numbers import Share


class Settings(BaseModel, extra="forbid", frozen=True):
    """`models`: those that predict; `precision`: of the guesses that are accepted without a look, at least this share
    is right on labels that the model was not told; `folds`: the labels are cut into so many, and each model learns
    once more without each."""

    models: list[str] = Field(max_length=100)
    precision: Share
    folds: int = Field(ge=2, le=20)

    @field_validator("models")
    @classmethod
    def _distinct(cls, models: list[str]) -> list[str]:
        if len(set(models)) < len(models):
            raise ValueError("must not name a model twice")
        return models
