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
    assert log == ["closed", "pause", "resume", "opened"]


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
