# What a developer runs. `make test` needs Go alone; `make check` installs what else it needs.

GOLANGCI_VERSION := v2.15.0
GOVULNCHECK_VERSION := v1.1.4
GOLANGCI := $(CURDIR)/.cache/bin/golangci-lint-$(GOLANGCI_VERSION)
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 5s
PART ?= .
HOURS ?= 8
LINES ?= 1000000
MILLIONS ?= 50
SEEDS ?= 1000

.PHONY: run build man test lint fuzz integration check cross release check-release check-release-some sim cluster crash crash-long million bench bench-quick bench-cluster growth screenshots vuln clean

run: ## start a server here
	go run ./cmd/ringlog

build: ## bin/ringlog, static
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/ringlog ./cmd/ringlog

man: ## man pages, and completions for bash, zsh and fish, in bin/share
	rm -rf bin/share
	env -i PATH="$$PATH" HOME="$$HOME" GOFLAGS="$$GOFLAGS" SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) \
		go run -tags docs -ldflags "-X main.version=$(VERSION)" ./cmd/ringlog bin/share

# Tests that count allocations, and those of one goroutine that calculate much: the race detector has nothing to find in
# these, and makes them take five times as long.
ALONE := Test.*Alloc.*|TestCrash|TestFlippedBits|TestRepairOfFlippedBytes|TestKilledAnywhereStartsOnAFullDisk|TestFind|TestBackup|$\
	TestFlippedBytes|TestMisplacedBlocks|TestModel|TestEveryByteFlipped|TestTwoBytesFlipped|TestTruncatedAnywhere|TestBlocksHarmed|$\
	TestWindowRandomHistories|TestFailuresAreBounded|TestOwnersAreSpreadAsAsked|TestLittleMoves|TestReplaceMakesUpForWhoFailed|$\
	TestOwnersComeAsEarlyAsTheyCan|TestNineMembersAreBalanced|TestRestartAtEveryFlush|FuzzRestartAtEveryFlush|TestSeeds|TestSameSeed

test: ## all Go tests; no root, nothing but Go modules; `make lint` vets
	go test -vet=off -race -p 3 -skip '^($(ALONE))$$' ./...
	go test -vet=off -p 3 -run '^($(ALONE))$$' $$(grep -rlE 'func ($(ALONE))\(' --include='*_test.go' blobstore client logserver protocol | xargs -n1 dirname | sort -u | sed 's,^,./,')

lint: $(GOLANGCI) ## gofmt, vet and a short list of linters, on both modules
	$(GOLANGCI) run ./...
	cd integration && $(GOLANGCI) run --config ../.golangci.yml ./...

$(GOLANGCI):
	integration/scripts/install-golangci $(GOLANGCI_VERSION) $@

fuzz: ## every fuzz target for FUZZTIME
	integration/scripts/fuzz $(FUZZTIME)

integration: build ## real npm clients, netcat, curl, the page in Chromium, what `make crash` runs, each once
	integration/scripts/install
	cd integration && RINGLOG_BIN=$(CURDIR)/bin/ringlog go test -count=1 -p 1 -timeout 10m ./...

release: ## dist/: binaries for linux, darwin and windows with what they are made of, as VERSION
	integration/scripts/release $(VERSION) dist

check-release: ## the release built twice is the same, byte for byte
	integration/scripts/check-release

check-release-some: ## the same for two binaries of it
	integration/scripts/check-release windows/arm64

check: lint cross check-release-some fuzz integration sim ## what `make test` leaves out
	go test -tags docs -run TestDocs ./cmd/ringlog

cross: ## everything compiles for the other systems, too; what only Linux has is tagged
	for module in . integration; do for target in darwin/arm64 windows/amd64; do \
		echo "$$module for $$target"; \
		(cd $$module && CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go vet ./...) || exit 1; \
	done; done

sim: ## clusters in virtual time: SEEDS=n from FIRST=n on, or SEED=n once more with what happened
	SEEDS=$(SEEDS) go test -count=1 -timeout 24h -v -run TestSeeds ./logserver/order/sim

crash: build ## kills, power cuts, failing system calls, full disks (PART=Kill KILLS=50 SEED=7 for a part of it)
	cd integration && RINGLOG_BIN=$(CURDIR)/bin/ringlog go test -count=1 -timeout 1h -v -run '$(PART)' ./crash

crash-long: build ## the same for HOURS, as often as docs/RELIABILITY.md asks; leaves the table in crash-long.md
	cd integration && RINGLOG_BIN=$(CURDIR)/bin/ringlog HOURS=$(HOURS) SUMMARY=$(CURDIR)/crash-long.md \
		go test -count=1 -timeout 0 -v -run '$(PART)' ./crash

chaos: build ## several nodes in network namespaces: partitions, kills, lost disks, … (PART=Partition PARTITIONS=100 SEED=7; root)
	integration/scripts/install
	cd integration && RINGLOG_BIN=$(CURDIR)/bin/ringlog go test -count=1 -timeout 0 -v -run '$(PART)' ./chaos

cluster: build ## three nodes on this machine, with certificates, until Ctrl-C
	integration/scripts/cluster $(CURDIR)/bin/ringlog $(CURDIR)/cluster

million: build ## LINES varied lines through append and export, compared byte for byte
	cd integration && RINGLOG_BIN=$(CURDIR)/bin/ringlog LINES=$(LINES) go test -count=1 -timeout 1h -v -run TestRoundTrip ./million

bench: build ## Ringlog beside Redis Streams, JetStream and tcp-log-server, about an hour; writes docs/BENCHMARKS.md
	integration/scripts/install-bench
	cd integration && go run ./bench -ringlog ../bin/ringlog -out ../docs/BENCHMARKS.md $(BENCH)

bench-quick: build ## a few columns once, in two minutes; BENCH='-columns … -systems …' for others
	integration/scripts/install-bench
	cd integration && go run ./bench -ringlog ../bin/ringlog -rounds 1 -seconds 1 -warm 0.3 -entries 200000 -idle 2000 \
		-systems ringlog,redis-always,redis,nats-always,nats \
		-columns append-1x1,append-64x1,append-1x1024,append-8x256,read,fanout-100,latency-100,idle $(BENCH)

bench-cluster: build ## three nodes beside three of JetStream, 3 minutes; a section of docs/BENCHMARKS.md
	integration/scripts/install-bench
	cd integration && go run ./bench -nodes 3 -systems ringlog,nats-always -rounds 3 -seconds 1.5 -warm 0.5 \
		-ringlog ../bin/ringlog -out ../docs/BENCHMARKS.md $(BENCH)

growth: build ## rates, start-ups, memory and disk as a log grows to MILLIONS of entries, and 1,000 interleaved logs
	mkdir -p .cache
	cd integration && go run ./growth -ringlog ../bin/ringlog -millions $(MILLIONS)

screenshots: build ## pictures of the page, into docs/img; a minute
	integration/scripts/install
	cd integration && RINGLOG_BIN=$(CURDIR)/bin/ringlog SCREENSHOTS=$(CURDIR)/docs/img go test -count=1 -run TestPictures ./page

vuln: ## known vulnerabilities in what is used, where their database can be reached
	integration/scripts/vuln $(GOVULNCHECK_VERSION)

clean:
	rm -rf bin dist .cache
