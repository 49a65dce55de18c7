"""What every group of settings has in common: strict types, no unknown keys, no NaN, and never changed once read."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """A frozen, strictly validated group of settings."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)
