"""What all settings classes share. Rooms declare their own section; `config` assembles them."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A part of the settings tree: frozen, no unknown keys, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
