# Zapis. `make demo` and `make test` are all a newcomer types; both do the set-up they need.
#
#   make demo    build everything, build a demo archive, serve it on 127.0.0.1 and print a sign-in link
#   make test    everything that CI runs
#   make build   bin/zapis with the web part inside
#   make bench   the figures of docs/reference/benchmarks.md, measured anew (long)
#   make fault   the long fault runs: power cuts, kill -9, bit flips, 100,000 manipulated proofs (long)
#   make fuzz    each fuzz target for a while (long)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := build

GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)

export CGO_ENABLED ?= 0

# Debian packages without which a test or the demo cannot run; `make setup` installs what is missing.
PACKAGES := ffmpeg poppler-utils bubblewrap fonts-dejavu-core opencv-doc openssl tesseract-ocr tesseract-ocr-rus tesseract-ocr-ukr
TEST_PACKAGES := $(PACKAGES) postgresql chromium jq python3 libimage-exiftool-perl mediainfo nginx-light rsync
BENCH_PACKAGES := $(PACKAGES) restic borgbackup git-annex rclone

FUZZTIME ?= 60s
MUTATIONS ?= 5000

.PHONY: build web setup setup-test setup-bench demo test check lint test-go test-web test-browser bench fault fuzz docs clean help

help: ## this text
	@sed -n '2,10p' Makefile | sed 's/^# \{0,1\}//'

build: bin/zapis ## the one binary

.PHONY: bin/zapis
bin/zapis: web
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/zapis ./cmd/zapis

# The web part is built again only when one of its sources is newer than the last build.
WEB_SOURCES := $(shell find web -type f -not -path '*/node_modules/*' 2>/dev/null) $(wildcard internal/web/locale/*.json)
web: internal/web/asset/dist/manifest.json
web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --ignore-scripts --no-audit --no-fund
	touch $@
internal/web/asset/dist/manifest.json: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build
	touch $@

setup: ; @./tools/setup.sh $(PACKAGES)
setup-test: ; @./tools/setup.sh $(TEST_PACKAGES)
setup-bench: ; @./tools/setup.sh $(BENCH_PACKAGES)

demo: setup build
	bin/zapis demo

# ---- tests ----------------------------------------------------------------------------------------------

test: setup-test build check test-go test-web test-browser ## everything that CI runs
	@echo "make test: all passed"

check: lint
	@test -z "$$(gofmt -l cmd internal test verify 2>/dev/null)" || { gofmt -l cmd internal test verify; echo 'run gofmt -w on these'; exit 1; }
	$(GO) vet ./...

lint:
	$(GO) test ./test/layout

# A missing tool is a failure here, never a skip.
test-go: export ZAPIS_TEST_REQUIRE = 1
test-go:
	$(GO) test -timeout 20m ./...
	cd test/c2sp && $(GO) vet ./... && $(GO) test -timeout 20m ./...

test-web: web
	cd web && npm run check && npm run lint:css && npm test

test-browser: build
	ZAPIS_TEST_REQUIRE=1 ./test/browser/run.sh

# ---- long runs ------------------------------------------------------------------------------------------

bench: setup-bench build
	$(GO) run ./test/bench $(BENCHFLAGS)

fault: setup-test build
	ZAPIS_TEST_REQUIRE=1 ZAPIS_FAULT=full ZAPIS_TEST_THOROUGH=1 ZAPIS_MEDIA_MUTATIONS=$(MUTATIONS) $(GO) test -timeout 8h -v -count=1 \
	  ./internal/faultfs ./internal/vault/vaulttest ./internal/store ./internal/knowledge/exchange ./internal/redact ./internal/release ./internal/ingest ./internal/derive ./internal/media ./test/fault ./test/manipulate \
	  -run 'Fault|Cut|Kill|Flip|Fail|Full|Broken|Power|LocalDisk|Memory|Flat|S3|Mutat'

fuzz:
	@for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p; done; done

docs: build ## regenerate what is generated under docs/reference
	ZAPIS_UPDATE=1 $(GO) test ./test/layout ./internal/web ./cmd/zapis

clean:
	rm -rf bin web/node_modules internal/web/asset/dist
