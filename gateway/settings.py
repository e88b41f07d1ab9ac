"""What all settings classes share. Rooms declare their own section; `config` assembles them."""

from pathlib import PurePath
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator


class Section(BaseModel):
    """A part of the settings tree: frozen, no unknown keys, every field described."""

    # Without "infinite" numbers: `inf` of TOML is a time-out that never comes.
    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    @field_validator("*")
    @classmethod
    def _no_nul(cls, value: Any) -> Any:
        """TOML can write it; a path with one is an error wherever it is used."""
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str | PurePath) and "\0" in str(each):
                raise ValueError("has a NUL in it")
        return value
