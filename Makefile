# Tributary. `make run` starts everything on a fresh machine, `make test` proves it.
.DEFAULT_GOAL := help
SHELL := bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
GOFLAGS_BUILD := -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
FUZZTIME ?= 30s
ARGS ?=

.PHONY: help run build app dev test check fuzz bench bench-reports bench-go clean need-go need-npm need-race

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## fetch what is needed, build, start ClickHouse, migrate, serve on 127.0.0.1:8080
	./bin/tributary serve $(ARGS)

build: need-go ## ./bin/tributary
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/tributary ./cmd/tributary

app: need-npm ## build the web app, which the next build then puts into the binary
	cd dashboards && npm ci && npm run build

dev: need-go need-npm ## like run, with a text log on the terminal and the race detector
	go run -race ./cmd/tributary serve --log-format=text --log-level=debug $(ARGS)

test: need-go need-npm need-race ## the whole test suite, against the real embedded ClickHouse
	go test -race -timeout 20m ./...

check: need-go ## formatting, vet, staticcheck, known vulnerabilities
	@files="$$(go tool gofumpt -l $$(git ls-files '*.go'))"; [ -z "$$files" ] || { echo "not formatted (go tool gofumpt -w .):"; echo "$$files"; exit 1; }
	go vet ./...
	GOOS=darwin GOARCH=arm64 go vet ./engine/... ./cmd/... ./collector/...
	go tool staticcheck ./...
	go mod tidy -diff
	@.ci/vulnerabilities

fuzz: need-go ## every fuzz target for FUZZTIME (30s)
	@set -e; for pkg in $$(go list ./...); do \
	  for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
	    echo "== $$pkg $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
	  done; \
	done

bench: build need-npm ## the real binary beside ClickHouse itself and a plain gin handler (about 12 minutes)
	go run ./internal/bench $(ARGS)

bench-reports: build need-npm ## typical reports over 20 million events, fresh, under ingest and merged
	go run ./internal/bench reports $(ARGS)

bench-go: need-go ## Go benchmarks of the hot path, ready for benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./event ./collector/... ./connection

clean: ## remove what was built; data and the engine's cache stay
	rm -rf bin

need-go:
	@command -v go >/dev/null || { echo "Tributary is built with Go 1.26 or newer; install it from https://go.dev/dl and run this again."; exit 1; }

need-npm:
	@command -v npm >/dev/null || { echo "The embedded ClickHouse is an npm package: install Node.js 20 or newer with npm (Debian: apt-get install npm), or set TRIBUTARY_CLICKHOUSE_DSN to a server of yours."; exit 1; }

need-race:
	@[ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null || { echo "The race detector needs a C compiler (Debian: apt-get install gcc libc6-dev)."; exit 1; }
