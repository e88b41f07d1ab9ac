# Two commands do all the set-up: `make demo` runs the gateway, `make test` passes the tests.
# Both make .venv with locked packages first; PYTHON=... chooses the interpreter.

.PHONY: help demo demo-oauth test install lint types unit bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo               install, and serve a sample mailbox by POP3 (MAILDIR=DIR for your own)"
	@echo "make demo-oauth         the same behind OAuth2: sign in, get a device password, fetch mail"
	@echo "make test               install everything the tests need, and run all of them"
	@echo "make bench              measure against Dovecot and print a table (BENCH_FLAGS=--quick: 2 minutes)"
	@echo "make install            make .venv/bin/pop3-gateway and stop there"
	@echo "make lint types unit    the quick checks alone"

install:
	@.ci/bootstrap run

demo: install
	@.venv/bin/pop3-gateway demo $(if $(MAILDIR),--maildir '$(MAILDIR)') $(DEMO_FLAGS)

# With a local identity provider and a mail server that takes its tokens; both are test tools.
demo-oauth:
	@.ci/bootstrap test
	@tests/install-servers
	@.venv/bin/python -m tests.support.demo_oauth

test:
	@.ci/bootstrap test
	@tests/install-servers
	@$(MAKE) --no-print-directory lint types unit
	.venv/bin/python -m pytest tests

lint:
	@.ci/bootstrap test
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/lint-imports --no-cache

types:
	@.ci/bootstrap test
	.venv/bin/mypy

# The rules must be covered in full by their own tests, not by chance from elsewhere.
unit:
	@.ci/bootstrap test
	.venv/bin/python -m pytest -q tests/unit/pop3 tests/unit/maildrop tests/protocol \
	    -m 'not servers' --cov=gateway.pop3 --cov=gateway.maildrop --cov-fail-under=100

# What it measures, and how to read it: docs/performance.md.
bench:
	@.ci/bootstrap test
	@tests/install-servers
	.venv/bin/python -m tests.bench $(BENCH_FLAGS)
	[ -n "$(BENCH_FLAGS)" ] || .venv/bin/python -m tests.bench.http_mailboxes
	[ -n "$(BENCH_FLAGS)" ] || .venv/bin/python -m tests.bench.rest_mailbox

clean:
	rm -rf .venv .servers .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
