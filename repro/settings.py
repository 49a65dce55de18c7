"""What every group of settings has in common: strict types, no unknown keys, no NaN, and never changed once read."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

AT_RUN_TIME = {"at_run_time": True}
"""``json_schema_extra`` of a field that a compiled kernel reads from an array: another value needs no new kernel."""


class Settings(BaseModel):
    """A frozen, strictly validated group of settings."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def compiled(self) -> dict[str, Any]:
        """The settings that are constants of a compiled kernel: all that are not marked `AT_RUN_TIME`."""
        fields = type(self).model_fields
        return self.model_dump(
            mode="json", exclude={name for name, field in fields.items() if field.json_schema_extra == AT_RUN_TIME}
        )


def runtime(default: Any = ..., **constraints: Any) -> Any:
    """A pydantic field that is marked `AT_RUN_TIME`."""
    return Field(default, json_schema_extra=AT_RUN_TIME, **constraints)  # type: ignore[arg-type]
