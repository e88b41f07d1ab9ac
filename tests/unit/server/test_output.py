from gateway.server.output import OutputGate


class Writer:
    def __init__(self, log):
        self.log = log

    def pause(self):
        self.log.append("pause")

    def resume(self):
        self.log.append("resume")


def gate_and_log():
    log = []
    return OutputGate(lambda: log.append("closed"), lambda: log.append("opened")), log


def test_it_tells_both_its_owner_and_the_writer():
    gate, log = gate_and_log()
    gate.attach(Writer(log))
    gate.pauseProducing()
    assert gate.full
    gate.resumeProducing()
    assert not gate.full
    assert log == ["closed", "pause", "opened", "resume"]


def test_a_writer_that_fills_it_again_at_once_has_the_last_word():
    """Or its owner would take the buffer for free, and wait for a stalled reader for ever."""
    gate, log = gate_and_log()
    writer = Writer(log)
    writer.resume = gate.pauseProducing
    gate.attach(writer)
    gate.pauseProducing()
    gate.resumeProducing()
    assert gate.full
    assert log == ["closed", "pause", "opened", "closed", "pause"]


def test_a_writer_that_came_or_went_meanwhile_is_not_resumed():
    log = []

    def opened():
        gate.detach()

    gate = OutputGate(lambda: None, opened)
    gate.attach(Writer(log))
    gate.pauseProducing()
    gate.resumeProducing()
    assert log == ["pause"]


def test_a_writer_that_comes_while_it_is_full_waits_at_once():
    gate, log = gate_and_log()
    gate.pauseProducing()
    gate.attach(Writer(log))
    assert log == ["closed", "pause"]


def test_a_writer_that_is_done_hears_nothing_more():
    gate, log = gate_and_log()
    gate.attach(Writer(log))
    gate.detach()
    gate.pauseProducing()
    gate.resumeProducing()
    gate.stopProducing()
    assert log == ["closed", "opened"]
