"""The pages, one file for what belongs together; each has its rows of the table of routes."""

from gateway.admin.console.pages import (
    accounts,
    administrators,
    devices,
    entry,
    invites,
    overview,
    programs,
    providers,
    sessions,
    setup,
    welcome,
)

ROUTES = (
    *setup.ROUTES,
    *entry.ROUTES,
    *overview.ROUTES,
    *accounts.ROUTES,
    *devices.ROUTES,
    *invites.ROUTES,
    *providers.ROUTES,
    *sessions.ROUTES,
    *administrators.ROUTES,
    *welcome.ROUTES,
    *programs.ROUTES,
)
