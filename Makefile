# Hawser. `make run` tries it, `make test` proves it, `make install` lays it out as OpenSSH does.
BUILD  ?= build
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=

all: build

packages:
	@tools/packages build

$(BUILD)/build.ninja: | packages
	meson setup $(BUILD) --prefix=$(PREFIX) --sysconfdir=$(SYSCONFDIR)

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD)

run: build
	@tools/run $(BUILD)

test:
	@tools/packages build test
	@tools/run-tests $(BUILD)

check: build
	@tools/run-checks $(BUILD)

bench:
	@tools/packages build bench
	@$(MAKE) --no-print-directory build
	@bench/run $(BUILD)

install: build
	meson configure $(BUILD) --prefix=$(PREFIX) --sysconfdir=$(SYSCONFDIR)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-clang $(BUILD)-fuzz

.PHONY: all packages build run test check bench install clean
