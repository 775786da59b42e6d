# The few commands a person types. CMake builds; see CMakePresets.json for the kinds of build.

DATA ?= data
ACCEPTANCE_SECONDS ?= 600
FUZZ_SECONDS ?= 60
SEEDS ?= 1000
FROM ?= 1
FOR ?=
SOAK_SECONDS ?= 600
RUNS ?=
COMMANDS ?= 1000000

build: dependencies
	@scripts/build release gramme gramme-sim

run: build
	@exec build/release/gramme dev --nodes 3 --data $(DATA)

test: dependencies
	@scripts/test

bench: dependencies
	@scripts/build release
	@bench/run

flamegraph: dependencies
	@scripts/build release
	@bench/flamegraph

bench-idle: dependencies
	@scripts/build release
	@bench/idle-connections

bench-gossip: dependencies
	@scripts/build release gossip-bench
	@build/release/gossip-bench

bench-placement: dependencies
	@scripts/build release placement
	@build/release/placement --svg bench/placement.svg

sim: dependencies
	@scripts/build release gramme-sim
	@build/release/gramme-sim $(if $(FOR),--for $(FOR),--seeds $(SEEDS)) --from $(FROM) --keep-going

fuzz: dependencies
	@scripts/fuzz $(FUZZ_SECONDS)

acceptance: build
	@ACCEPTANCE_SECONDS=$(ACCEPTANCE_SECONDS) /usr/bin/python3 tests/cluster/acceptance.py $(RUNS)

differential: build
	@/usr/bin/python3 tests/clients/differential.py --commands $(COMMANDS)

namespaces: build
	@/usr/bin/python3 tests/cluster/namespaces.py

soak: build
	@/usr/bin/python3 tests/cluster/soak.py $(SOAK_SECONDS)

models: dependencies
	@models/check

models-large: dependencies
	@models/check --large

docs: build
	@build/release/gramme commands >docs/commands.md

format: dependencies
	@scripts/format

tidy: dependencies
	@scripts/tidy

dependencies:
	@scripts/install-dependencies

clean:
	rm -rf build

help:
	@echo "make              build build/release/gramme and gramme-sim"
	@echo "make run          three nodes on this machine, in the foreground; DATA=$(DATA) is where they keep their data"
	@echo "make test         build everything and run every test; ends with 'N passed, N failed'"
	@echo "make bench        measure"
	@echo "make bench-idle   what ten thousand idle connections cost the others"
	@echo "make flamegraph   where the CPU time goes: docs/flame-*.svg anew; wants linux-perf"
	@echo "make bench-gossip what gossip costs and how long it takes, from 4 nodes to 500, in virtual time"
	@echo "make bench-placement  the paper's strategies of placement side by side: tables, and bench/placement.svg anew"
	@echo "make sim          SEEDS=$(SEEDS) simulated cluster lives from seed FROM=$(FROM), or FOR=10m as many as that takes"
	@echo "make fuzz         FUZZ_SECONDS=$(FUZZ_SECONDS) of fuzzing per target"
	@echo "make soak         SOAK_SECONDS=$(SOAK_SECONDS) of random faults on five real nodes, then the checkers"
	@echo "make acceptance   the long runs on real processes, each with its figures; RUNS=\"NAME ...\" chooses some"
	@echo "make differential COMMANDS=$(COMMANDS) generated commands to redis-server and Gramme, replies compared"
	@echo "make namespaces   five real nodes parted by their links, each in its network namespace; needs root"
	@echo "make models       check the models of the protocol (part of make test); make models-large takes minutes"
	@echo "make docs         docs/commands.md anew, from the command table"
	@echo "make format       format all C files"
	@echo "make tidy         clang-tidy over all C files"
	@echo "make clean        remove build/ (the data in DATA stays)"

.DEFAULT_GOAL := build
.PHONY: build run test bench flamegraph bench-idle bench-gossip bench-placement sim fuzz soak acceptance namespaces differential docs format tidy dependencies clean models models-large help
