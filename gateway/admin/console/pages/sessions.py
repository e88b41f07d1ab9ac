"""Who is connected now, and who is locked out."""

from gateway.admin.console.changes import changed
from gateway.admin.console.routes import Route
from gateway.admin.console.site import Site
from gateway.admin.console.web import Answer, Ask, Refusal, go


async def listing(site: Site, ask: Ask) -> Answer:
    """All connections."""
    return site.page(
        "sessions", ask, sessions=await site.live.sessions(), workers=await site.live.workers()
    )


async def end(site: Site, ask: Ask) -> Answer:
    """End one without UPDATE."""
    worker, number = ask.text("worker", 8), ask.text("number", 20)
    if not (worker.isdecimal() and number.isdecimal()):
        raise Refusal(400)
    was_there = await site.live.end(int(worker), int(number))
    if was_there:
        changed(site, ask, "session ended", f"{worker}/{number}")
    return go("/sessions", {"done": "session-ended" if was_there else "session-gone"})


async def locks(site: Site, ask: Ask) -> Answer:
    """What is held against whom."""
    entries = site.throttle.entries() if site.throttle else ()
    return site.page("locks", ask, entries=entries, throttled=site.throttle is not None)


async def lift(site: Site, ask: Ask) -> Answer:
    """Forget it."""
    key = ask.secret("key", 320)
    if site.throttle is None or not key:
        raise Refusal(400)
    site.throttle.lift(key)
    changed(site, ask, "lock lifted", key)
    return go("/locks", {"done": "lifted"})


ROUTES = (
    Route("GET", "/sessions", "administrator", listing),
    Route("POST", "/sessions/end", "administrator", end),
    Route("GET", "/locks", "administrator", locks),
    Route("POST", "/locks/lift", "administrator", lift),
)
