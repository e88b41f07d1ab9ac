"""What `@backend` says, done to a fake upstream. README.md has the list."""

from gateway import errors


def apply(backend, text):
    words = text.split()
    faults = backend.faults
    if words[0] == "works":
        backend.go_on()
        backend.faults = type(faults)(chunks=faults.chunks)
    elif words[0] == "unavailable":
        faults.open = errors.Unavailable("connection refused")
    elif words[0] == "fail":
        _fail(faults, words[1], words[2:])
    elif words[:2] == ["commit", "keeps"]:
        faults.commit_keeps = frozenset(map(int, words[2:]))
    elif words[0] == "hang":
        faults.hang.add(words[1])
    elif words[:2] == ["go", "on"]:
        backend.go_on()
    elif words[0] == "removes":
        backend.remove(*map(int, words[1:]))
    elif words == ["epoch", "changed"]:
        backend.change_epoch()
    elif words[0] == "chunks":
        faults.chunks = tuple(map(int, words[1:]))
    elif words[0] == "announces":
        faults.announces_more = int(words[1])
    elif words == ["estimates", "octets"]:
        backend.announce = False
    else:
        raise ValueError(f"@backend {text}")


def _fail(faults, step, words):
    """`fail STEP with FAILURE`, `fail body after OCTETS`."""
    if words[0] == "with":
        setattr(faults, step, getattr(errors, words[1])("NO [ALERT] said by the upstream"))
    elif (step, words[0]) == ("body", "after"):
        faults.body_after = int(words[1])
    else:
        raise ValueError(f"@backend fail {step} {words}")
