# Two commands do everything on a fresh Debian or Ubuntu machine with Rust: `make demo`, `make test`.
SHELL := /bin/bash
DATA := integration-tests/data/na12878
DEMO := target/demo
SPINDLE := target/release/spindle

.PHONY: demo test bench fidelity build-packages test-packages test-tools check

# Builds, aligns and calls real reads of NA12878, and compares the calls with Genome in a Bottle.
demo: build-packages
	cargo build --release --locked -p cli
	rm -rf $(DEMO) && mkdir -p $(DEMO)
	gzip -dc $(DATA)/reference.fa.gz > $(DEMO)/reference.fa
	$(SPINDLE) run --reference $(DEMO)/reference.fa --sample NA12878 \
	    --reads $(DATA)/NA12878.R1.fastq.gz $(DATA)/NA12878.R2.fastq.gz \
	    --known-sites $(DATA)/known_sites.vcf.gz --emit bam,vcf,gvcf --out $(DEMO)/out
	$(SPINDLE) evaluate --calls $(DEMO)/out/NA12878.vcf.gz --truth $(DATA)/truth.vcf.gz --regions $(DATA)/confident.bed

# Installs what the tests compare with, builds, and passes all tests.
test: build-packages test-packages test-tools
	cargo build --locked --workspace --bins --tests
	cargo test --locked --workspace

# Measures the control plane; docs/BENCHMARKS.md tells what the numbers mean.
bench: build-packages test-packages
	cargo build --release --locked -p cli
	cargo bench --locked -p controller
	cargo bench --locked -p integration-tests

# Compares with the field's programs on the same reads: READS="R1 R2" REF=FASTA for reads of your own, SETS=FOLDER for many,
# SUBJECTS="align ..." for some subjects only, GATK=PROGRAM to compare recalibration and calls too (with KNOWN=VCF for reads of your own).
# Writes docs/FIDELITY.md.
fidelity: build-packages test-packages
	cargo build --release --locked -p cli
	READS="$(READS)" REF="$(REF)" SETS="$(SETS)" GATK="$(GATK)" KNOWN="$(KNOWN)" integration-tests/fidelity/run.sh $(SUBJECTS)

# What the pull request check runs.
check:
	.ci/run

# etcd-client compiles etcd's contracts with protoc when it is built.
BUILD_PACKAGES := build-essential protobuf-compiler libprotobuf-dev

build-packages:
	@deploy/packages.sh $(BUILD_PACKAGES)

test-packages:
	@deploy/packages.sh $(BUILD_PACKAGES) samtools bcftools tabix bwa picard-tools etcd-server prometheus python3-venv

# moto, a server of S3 that is not ours, in a folder of its own.
TOOLS := $(CURDIR)/target/test-tools
export PATH := $(TOOLS)/bin:$(PATH)

test-tools: $(TOOLS)/moto-5.1.22

$(TOOLS)/moto-5.1.22: | test-packages
	rm -rf $(TOOLS)
	python3 -m venv $(TOOLS)
	$(TOOLS)/bin/pip install -q 'moto[server]==5.1.22'
	touch $@
