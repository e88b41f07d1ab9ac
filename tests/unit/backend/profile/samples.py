"""Profiles for tests, from the smallest that is one."""

from gateway.backend.profile.schema import Profile

SMALLEST = {
    "name": "sample",
    "list": {"url": "/messages", "id": "/id"},
    "raw": {"url": "/messages/{id}/raw"},
    "delete": {"url": "/messages/{id}"},
}


def tables(**changes):
    """The smallest profile with keys of its tables changed or added."""
    made = {
        name: dict(table) if isinstance(table, dict) else table
        for name, table in SMALLEST.items()
    }
    for name, table in changes.items():
        if isinstance(table, dict):
            made.setdefault(name, {}).update(table)
        else:
            made[name] = table
    return made


def profile(**changes):
    return Profile.model_validate(tables(**changes))
