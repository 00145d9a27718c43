# Tributary. `make run` starts everything on a fresh machine, `make test` proves it.
.DEFAULT_GOAL := help
SHELL := bash
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo development)
GOFLAGS_BUILD := -trimpath -ldflags '-s -w -X main.version=$(VERSION)'
FUZZTIME ?= 30s
ARGS ?=

# The web app is built when its sources are newer than what was built of them.
APP := dashboards/dist/app/index.html
APP_SOURCES := $(shell find dashboards/src dashboards/public dashboards/scripts -type f) \
  $(addprefix dashboards/,index.html package.json package-lock.json vite.config.ts tsconfig.json)
APP_PACKAGES := dashboards/node_modules/.package-lock.json

.DELETE_ON_ERROR:
.PHONY: help run build app dev test test-go test-app check fuzz bench bench-reports bench-go screenshots clean need-go need-npm need-race need-browser

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## fetch what is needed, build, start ClickHouse, migrate, serve on 127.0.0.1:8080
	./bin/tributary serve $(ARGS)

build: need-go $(APP) ## ./bin/tributary, with the web app in it
	CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/tributary ./cmd/tributary

app: $(APP) ## build the web app, which the next build then puts into the binary

$(APP): $(APP_SOURCES) $(APP_PACKAGES)
	cd dashboards && npm run build

$(APP_PACKAGES): dashboards/package.json dashboards/package-lock.json
	@$(MAKE) --no-print-directory need-npm
	cd dashboards && npm ci
	@touch $@

dev: need-go need-npm ## like run, with a text log on the terminal and the race detector
	go run -race ./cmd/tributary serve --log-format=text --log-level=debug $(ARGS)

test: test-go test-app ## the whole test suite, against the real embedded ClickHouse and in a real browser

test-go: need-go need-npm need-race
	go test -race -timeout 20m ./...

test-app: build need-browser ## the web app's own tests: its functions, then its pages in Chromium against the real binary
	cd dashboards && npm test && npm run e2e

check: need-go $(APP_PACKAGES) ## formatting, vet, staticcheck, known vulnerabilities; types and ESLint of the app
	@files="$$(go tool gofumpt -l $$(git ls-files '*.go'))"; [ -z "$$files" ] || { echo "not formatted (go tool gofumpt -w .):"; echo "$$files"; exit 1; }
	go vet ./...
	GOOS=darwin GOARCH=arm64 go vet ./engine/... ./cmd/... ./collector/...
	go tool staticcheck ./...
	go mod tidy -diff
	@.ci/vulnerabilities
	cd dashboards && npm run typecheck && npm run lint

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

screenshots: build need-browser ## pictures of every page into dashboards/screenshots, and those of the README
	cd dashboards && npm run screenshots

clean: ## remove what was built; data and the engine's cache stay
	rm -rf bin dashboards/dist/app dashboards/node_modules

need-go:
	@command -v go >/dev/null || { echo "Tributary is built with Go 1.26 or newer; install it from https://go.dev/dl and run this again."; exit 1; }

need-npm:
	@command -v npm >/dev/null || { echo "The web app is built, and the embedded ClickHouse fetched, with npm: install Node.js 20.19 or newer with npm (Debian: apt-get install nodejs npm) and run this again."; exit 1; }
	@node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' || { echo "Node.js $$(node --version) is too old to build the web app: install 20.19 or newer from https://nodejs.org and run this again."; exit 1; }

need-race:
	@[ "$$(go env CGO_ENABLED)" = 1 ] && command -v $$(go env CC) >/dev/null || { echo "The race detector needs a C compiler (Debian: apt-get install gcc libc6-dev)."; exit 1; }

need-browser:
	@.ci/browser
