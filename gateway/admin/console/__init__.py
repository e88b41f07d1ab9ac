"""The console for administrators, and the pages on which owners of mailboxes sign in.

A request becomes an `Ask` (`web`), passes the checks that its `Route` asks for (`app`), and a
page (`pages`) makes an `Answer` of it. Templates escape everything; `static` is all that a
browser loads besides.
"""

from gateway.admin.console.app import resource

__all__ = ["resource"]
