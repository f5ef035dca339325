#!/bin/bash
# Runs the field's programs and Spindle over the same reads and writes docs/FIDELITY.md.
# usage: run.sh [SUBJECT...]    all subjects if none is named; each is a script subjects/SUBJECT.sh
#
# SPINDLE  the program (default target/release/spindle)
# READS    "R1 R2" of your own (default: the reads in integration-tests/data)
# REF      their reference, FASTA, plain or gzip
# SETS     instead of READS: a folder of NAME.R1.fastq.gz and NAME.R2.fastq.gz
# GATK     the program `gatk`, where you have it: recalibration is compared with it
# KNOWN    known sites of reads of your own
# ANSWERS  a folder of NAME/recal.bam, calls.vcf.gz, calls.g.vcf.gz: recorded calls of GATK, compared too
# TRUTHS   a file of lines "NAME VCF BED": the truth of a set, against which both callers are scored
# WORK     where judges' outputs are kept from run to run (default target/fidelity)
#
# A subject prints the rows of its table: what, compared with, records, differing, time ratio.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
export SPINDLE=${SPINDLE:-$root/target/release/spindle}
export WORK=${WORK:-$root/target/fidelity}
export FIDELITY_TOOLS=$here/tools.sh
mkdir -p "$WORK/sections"
source "$here/tools.sh"
prepare_world "$root"
subjects=("$@")
if [ ${#subjects[@]} -eq 0 ]; then
  for script in "$here"/subjects/*.sh; do subjects+=("$(basename "$script" .sh)"); done
fi
failed=0
for subject in "${subjects[@]}"; do
  echo "fidelity: $subject" >&2
  "$here/subjects/$subject.sh" > "$WORK/sections/$subject.new"
  mv "$WORK/sections/$subject.new" "$WORK/sections/$subject"
  awk -F'|' '$5 + 0 > 0 { bad = 1 } END { exit bad }' "$WORK/sections/$subject" || failed=1
done
report=$WORK/FIDELITY.md
{
  echo "# Fidelity"
  echo
  echo "Written by \`make fidelity\` on $(date -u +%F): both programs over the same reads, outputs compared line by line. The time"
  echo "ratio is the judge's CPU time over Spindle's. With reads of your own: \`make fidelity READS=\"R1 R2\" REF=reference.fa\`."
  echo
  echo "| what | compared with | records | differing | time ratio |"
  echo "|---|---|---|---|---|"
  for section in "$WORK"/sections/*; do cat "$section"; done
} > "$report"
cat "$report"
[ -n "${READS:-}" ] || cp "$report" "$root/docs/FIDELITY.md"
exit $failed
