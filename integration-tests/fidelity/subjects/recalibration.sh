#!/bin/bash
# The table of `spindle recalibrate` and the qualities of `spindle apply-recal` against GATK.
# GATK   the program `gatk`; without it these rows say that they were not run
# KNOWN  known sites of your own reads, tabix-indexed
set -euo pipefail
source "$FIDELITY_TOOLS"
root=$(cd "$(dirname "$0")/../../.." && pwd)
known=${KNOWN:-}
[ -n "$known" ] || [ -n "${READS:-}${SETS:-}" ] || known=$root/integration-tests/data/na12878/known_sites.vcf.gz
if [ -z "${GATK:-}" ] || [ -z "$known" ]; then
  for what in "table" "qualities" "qualities, \`--static-quantized-quals\`" "qualities, \`--preserve-qscores-less-than 15\`"; do
    row "recalibration: $what" "GATK" "not run" "" ""
  done
  exit 0
fi
prepare_reference
cp "$known" "$WORK/known.vcf.gz" && tabix -f -p vcf "$WORK/known.vcf.gz"
judge="GATK $("$GATK" --version 2> /dev/null | sed -n 's/.*(GATK) v//p')"

# qualities BAM: what recalibration may change of each record, in one order
qualities() {
  samtools view "$1" | cut -f1-4,11
}

table() {
  local lines=0 differ=0 name first second
  rm -f "$WORK"/table.{judge,own}.time
  while read -r name first second; do
    local bam
    bam=$(marked "$name" "$first" "$second")
    timed "$WORK/table.judge.time" "$GATK" BaseRecalibrator -R "$WORLD_REF" -I "$bam" --known-sites "$WORK/known.vcf.gz" \
      -O "$WORK/$name.judge.table" > "$WORK/gatk.log"
    timed "$WORK/table.own.time" "$SPINDLE" recalibrate -R "$WORLD_REF" -I "$bam" --known-sites "$WORK/known.vcf.gz" \
      -O "$WORK/$name.own.table"
    lines=$((lines + $(wc -l < "$WORK/$name.judge.table")))
    differ=$((differ + $(differing "$WORK/$name.judge.table" "$WORK/$name.own.table")))
  done < "$WORK/sets"
  row "recalibration: table, lines" "$judge" "$lines" "$differ" "$(ratio "$WORK"/table.{judge,own}.time)"
}

# apply WHAT OPTIONS
apply() {
  local records=0 differ=0 name first second
  rm -f "$WORK"/apply.{judge,own}.time
  while read -r name first second; do
    local bam=$WORK/$name.marked.bam
    # shellcheck disable=SC2086
    timed "$WORK/apply.judge.time" "$GATK" ApplyBQSR -R "$WORLD_REF" -I "$bam" --bqsr-recal-file "$WORK/$name.judge.table" \
      -O "$WORK/judge.bam" $2 > "$WORK/gatk.log"
    # shellcheck disable=SC2086
    timed "$WORK/apply.own.time" "$SPINDLE" apply-recal -R "$WORLD_REF" -I "$bam" \
      --bqsr-recal-file "$WORK/$name.judge.table" -O "$WORK/own.bam" $2
    qualities "$WORK/judge.bam" > "$WORK/judge.sam"
    qualities "$WORK/own.bam" > "$WORK/own.sam"
    records=$((records + $(wc -l < "$WORK/judge.sam")))
    differ=$((differ + $(differing "$WORK/judge.sam" "$WORK/own.sam")))
  done < "$WORK/sets"
  row "recalibration: $1" "$judge" "$records" "$differ" "$(ratio "$WORK"/apply.{judge,own}.time)"
}

table
apply "qualities" ""
apply "qualities, \`--static-quantized-quals\`" "--static-quantized-quals 10 --static-quantized-quals 20 --static-quantized-quals 30"
apply "qualities, \`--preserve-qscores-less-than 15\`" "--preserve-qscores-less-than 15"
