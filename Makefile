# The registry's commands. `make help` lists them with the sentence above each.

SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build run test test.all test.thread test.address test.schemathesis test.soak bench precommit lint format docker clean deps \
	deps.bench venv hooks help

BUILD_FLAGS := -c release --static-swift-stdlib
BENCH := python3 Benchmarks/bench.py --registry bin/registry
BENCH_ITEMS := heartbeat register list-service list-names list-all list-filter memory access-log start loops
# Where PyPI tools live; nothing is installed outside of the checkout.
VENV := .build/venv
SOAK_SECONDS ?= 300
# Debian's and Ubuntu's names of what is linked.
LIBRARIES := libevent-dev libssl-dev zlib1g-dev libjemalloc-dev pkg-config
# Root needs no sudo, and a container seldom has it.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
APT_INSTALL = $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends

# Build bin/registry, optimized.
build: deps
	swift build $(BUILD_FLAGS) --product registry
	@mkdir -p bin
	@install -m 755 "$$(swift build $(BUILD_FLAGS) --show-bin-path)/registry" bin/registry

# Build and start a registry; settings come from the environment, as in `API_PORT=9090 make run`.
run: build
	@exec bin/registry

# Run the fast tests (a few minutes on two cores).
test: deps
	swift build --build-tests
	swift test --skip-build

# Run the long tests as well: sanitizers, the contract under schemathesis, a soak.
test.all: test test.thread test.address test.schemathesis test.soak

# Under a sanitizer each process, also a registry that a test starts and kills, reports into a file of its own; any report is a failure.
# Run the tests under the thread sanitizer (ten minutes on two cores).
test.thread: deps
	@mkdir -p .build-thread && rm -f .build-thread/report.*
	clang -Wall -Wextra -Werror -O1 -c Tests/Long/contended_mutex.c -o .build-thread/contended_mutex.o
	REGISTRY_ALLOCATOR=system TSAN_OPTIONS="log_path=$(CURDIR)/.build-thread/report" \
		swift test --sanitize=thread --scratch-path .build-thread -Xlinker $(CURDIR)/.build-thread/contended_mutex.o; \
		status=$$?; ! cat .build-thread/report.* 2>/dev/null && exit $$status

# Run the tests under the address sanitizer, which also looks for leaks (ten minutes on two cores).
test.address: deps
	@mkdir -p .build-address && rm -f .build-address/report.*
	REGISTRY_ALLOCATOR=system ASAN_OPTIONS="log_path=$(CURDIR)/.build-address/report" \
		LSAN_OPTIONS="print_suppressions=0:suppressions=$(CURDIR)/Tests/Long/leaks.supp" \
		swift test --sanitize=address --scratch-path .build-address; \
		status=$$?; ! cat .build-address/report.* 2>/dev/null && exit $$status

# Hold the running binary against its OpenAPI description with schemathesis.
test.schemathesis: build venv
	$(VENV)/bin/python Tests/Long/run_schemathesis.py --registry bin/registry --venv $(VENV)

# Register, renew and expire for SOAK_SECONDS, and see that nothing is lost and memory stays flat.
test.soak: build
	python3 Tests/Long/soak.py $(SOAK_SECONDS) --registry bin/registry

# Measure everything beside its floor; exits 1 when a ratio falls under its threshold. `make bench.heartbeat` runs one item.
bench: build deps.bench
	$(BENCH) all

$(addprefix bench.,$(BENCH_ITEMS)): bench.%: build deps.bench
	$(BENCH) $*

# Check the formatting and run what a commit must pass.
precommit: lint
	swift build --build-tests
	swift test --skip-build --filter 'HouseTests|JSONTests|HTTPTests|CatalogTests'

# Check the formatting of every Swift file.
lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests swagger

# Format every Swift file in place.
format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests swagger

# Build the container image registry:0.1.
docker:
	docker build -t registry:0.1 .

# Remove what was built.
clean:
	rm -rf .build .build-* bin

# Install the libraries that are linked, if they are missing (Debian and Ubuntu).
deps:
	@pkg-config --exists 'libevent_openssl >= 2.1.12' 'openssl >= 3.0' zlib jemalloc 2>/dev/null || { $(APT_INSTALL) $(LIBRARIES); }

# Install what the benchmark is measured against, if it is missing.
deps.bench: deps
	@command -v wrk >/dev/null && command -v nginx >/dev/null || { $(APT_INSTALL) wrk nginx-light; }

# Make the virtual environment of the Python tools.
venv:
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)

# Run precommit before every git commit.
hooks:
	@printf '#!/bin/sh\nexec make precommit\n' > "$$(git rev-parse --git-path hooks)/pre-commit"
	@chmod +x "$$(git rev-parse --git-path hooks)/pre-commit"

# List the commands.
help:
	@awk '/^# / { sentence = substr($$0, 3) } /^[a-z.]+:/ { if (sentence) { sub(/:.*/, ""); printf "%-18s %s\n", $$0, sentence } sentence = "" } /^$$/ { sentence = "" }' Makefile
