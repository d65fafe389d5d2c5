# aihub: `make help` lists what there is.
export CGO_ENABLED = 0
# The same for programs and tests, so that what is compiled for one serves the other.
export GOFLAGS := $(filter-out -trimpath,$(GOFLAGS)) -trimpath
GO      ?= go
VERSION ?= $(shell git describe --always --dirty 2>/dev/null || echo dev)
BIN      = bin/aihub

.DEFAULT_GOAL := help
.PHONY: test-python bench-sandbox cross reproduce help build attack demo test deps bench bench-mask fuzz-data verify fmt clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/aihub with the sandbox inside
	@sh internal/embedded/build.sh
	@echo "building $(BIN) (the first time takes some minutes)"
	@$(GO) build -tags embed -ldflags "-s -w -X main.version=$(VERSION)" -o $(BIN) ./cmd/aihub

demo: build ## build, start, and play the main job with three people
	@$(BIN) demo

attack: build deps ## run the attacks of the threat model on gvisor and on a Docker engine of its own (needs root)
	@$(BIN) attack --runner gvisor
	@sh deploy/with-docker.sh $(BIN) attack --runner docker
	@$(BIN) attack --channels

bench-sandbox: deps ## measure the sandbox against native and docker run with runc, paired in one run, and the queue (needs root)
	@sh internal/embedded/build.sh
	@sh deploy/with-docker.sh $(GO) test -tags embed -run '^$$' -bench 'Hello|Work|Python|Hundred' -benchtime 5x -timeout 60m ./sandbox/gvisor
	@AIHUB_MEASURE=1 sh deploy/with-docker.sh $(GO) test -tags embed -run '^TestMeasureSealed$$' -count 1 -v ./cmd/aihub
	$(GO) test -run '^$$' -bench . -benchtime 7x ./internal/oci
	$(GO) test -run '^$$' -bench SubmissionWithQueue -benchtime 200x ./internal/store

test-python: deps ## run Python with numpy, made of Debian packages, on both runners (needs root)
	@sh internal/embedded/build.sh
	CI=1 AIHUB_TEST_PYTHON=$$(sh deploy/python-root.sh) $(GO) test -tags embed -count 1 -run TestPython ./sandbox/gvisor ./sandbox/docker

cross: ## build the client for Linux, macOS and Windows, amd64 and arm64
	@set -e; for os in linux darwin windows; do for arch in amd64 arm64; do \
		[ $$os = windows ] && ext=.exe || ext=; \
		GOOS=$$os GOARCH=$$arch $(GO) build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/aihub-$$os-$$arch$$ext ./cmd/aihub; \
		echo "bin/aihub-$$os-$$arch$$ext"; done; done

.PHONY: test-windows
test-windows: build deps ## a vendor's verbs as a Windows program, in Wine, against the demo and a Docker engine (needs root)
	@sh deploy/test-windows.sh

deps: ## install what the tests need (Debian packages; needs root)
	@sh deploy/test-deps.sh

test: deps ## run every check and every test
	@sh internal/embedded/build.sh
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt these:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet -tags embed ./...
	AIHUB_TEST_PYTHON=$$(sh deploy/python-root.sh) sh deploy/in-memory.sh $(GO) test -tags embed -timeout 40m ./...

fuzz-data: ## read 100,000 mutated data files in bounded processes (about ten minutes)
	AIHUB_FUZZ_DATA=$${AIHUB_FUZZ_DATA:-100000} $(GO) test -run '^TestFuzzData$$' -count=1 -v -timeout 120m ./internal/table

test-postgres: deps ## run every test of the store on PostgreSQL
	AIHUB_POSTGRES_ALL=1 sh deploy/in-memory.sh $(GO) test -count 1 -v -timeout 30m -run '^TestOnPostgres$$' ./internal/store

KILLS ?= 1000
RUNNER ?= gvisor
STORE ?= sqlite
.PHONY: test-postgres
.PHONY: chaos

chaos: deps ## kill the server and sandboxes KILLS times at random moments, and check that nothing is lost, left or charged twice (RUNNER=gvisor or docker, STORE=sqlite or postgres)
	@sh internal/embedded/build.sh
	CI=1 AIHUB_CHAOS_KILLS=$(KILLS) AIHUB_CHAOS_RUNNER=$(RUNNER) AIHUB_CHAOS_STORE=$(STORE) $(GO) test -tags embed -timeout 180m -count 1 -v -run '^TestChaos$$' ./cmd/aihub

CASES ?= 100000
.PHONY: conformance crosscheck

crosscheck: ## compare every metric with its definition on CASES cases a family and with its reference on LIBRARY, and say which reference is missing (an hour; LIBRARY=100000 takes a day and writes the tables of the docs)
	@sh evaluator/crosscheck/crosscheck.sh "$(or $(CASES),100000)" "$(or $(LIBRARY),2000)"

conformance: ## run the OCI distribution conformance suite against the registry; its report is in bin/conformance
	CI=1 AIHUB_CONFORMANCE=$(CURDIR)/bin/conformance $(GO) test ./server/registry -count=1 -v -run '^TestConformance$$'

CROISSANT_VENV ?= $(HOME)/.cache/aihub-croissant
.PHONY: check-croissant
check-croissant: build ## export every entry of a demo platform and validate it with mlcroissant (installed into CROISSANT_VENV): no error, no warning
	@sh catalog/meta/check-croissant.sh $(BIN) $(CROISSANT_VENV)

verify: ## regenerate generated files and fail on a difference
	$(GO) generate ./...
	git diff --exit-code

bench: ## run the benchmarks of the hot paths
	$(GO) test -tags embed -run '^$$' -bench . -benchtime 2s ./...

bench-mask: ## mask tables and count classes beside DuckDB, and measure FF1, lattice and PII scan, each with its bar (needs a C compiler)
	cd catalog/bench && CGO_ENABLED=1 $(GO) run .

BILLION ?= /tmp/aihub-billion
.PHONY: bench-billion
bench-billion: ## mask a table of 10^9 rows by one command, behind the risk gate (11 GB of disk below BILLION)
	@$(GO) build -tags embed -trimpath -o $(BIN) ./cmd/aihub
	@mkdir -p $(BILLION)
	@test -e $(BILLION)/visits.parquet || AIHUB_BILLION=$(BILLION)/visits.parquet $(GO) test ./internal/pages -count 1 -timeout 60m -v -run '^TestMakeBillion$$'
	@rm -f $(BILLION)/masked.parquet
	@time -p sh catalog/bench/billion.sh $(BIN) $(BILLION)

BENCH_VENV ?= $(HOME)/.cache/aihub-bench
bench-score: ## score beside scikit-learn 1.2.1 and the newest, and pandas, in one run (installs them into BENCH_VENV)
	@test -x $(BENCH_VENV)/old/bin/python || { python3 -m venv $(BENCH_VENV)/old && $(BENCH_VENV)/old/bin/pip install -q scikit-learn==1.2.1 numpy==1.24.2 pandas==1.5.3 'pyarrow<16'; }
	@test -x $(BENCH_VENV)/new/bin/python || { python3 -m venv $(BENCH_VENV)/new && $(BENCH_VENV)/new/bin/pip install -q scikit-learn pandas pyarrow; }
	$(GO) run ./evaluator/bench/score -python $(BENCH_VENV)/old/bin/python,$(BENCH_VENV)/new/bin/python

.PHONY: bench-units
bench-units: ## score boxes, transcripts and tracks beside pycocotools, sclite, python-Levenshtein and TrackEval, in one run
	@BENCH_VENV=$(BENCH_VENV) GO=$(GO) sh evaluator/bench/structured.sh

reproduce: ## attacks on the board against published curves: a table of all runs
	AIHUB_REPRODUCE=1 $(GO) test ./policies/sharing -count=1 -timeout 20m -v -run '^TestReproduce'

fmt: ## format the Go files
	@gofmt -l -w $$(git ls-files '*.go')

clean: ## remove what the build made
	rm -rf bin internal/embedded/*.zst
