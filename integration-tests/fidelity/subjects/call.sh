#!/bin/bash
# The records of `spindle call` against those of GATK's HaplotypeCaller, from the same BAM: VCF and gVCF, field by field.
#
# GATK     the program (default gatk); where there is none, the table says that nothing was compared
# TRUTH    "VCF BED" of the sample in READS or SETS (default: that of the bundled sample); with it, both are scored
set -euo pipefail
source "$FIDELITY_TOOLS"
GATK=${GATK:-gatk}
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v "$GATK" > /dev/null; then
  row "call: VCF, gVCF" "not run: no GATK; give one as \`GATK=/path/to/gatk make fidelity\`" - - -
  exit 0
fi
judge="GATK $("$GATK" HaplotypeCaller --version 2> /dev/null | sed -n 's/.*(GATK) v//p')"
[ -f "$WORLD_REF.fai" ] || samtools faidx "$WORLD_REF"
[ -f "${WORLD_REF%.fa}.dict" ] || samtools dict -o "${WORLD_REF%.fa}.dict" "$WORLD_REF"
[ -f "$WORLD_REF.spindle" ] || "$SPINDLE" index "$WORLD_REF" > /dev/null

# reads NAME FIRST SECOND: aligned, sorted, marked; made once
reads() {
  local bam=$WORK/call.$1.bam group="@RG\tID:$1\tSM:$1\tLB:$1\tPL:ILLUMINA\tPU:$1"
  [ -f "$bam.bai" ] && return
  "$SPINDLE" align -K 100000000 -Y -R "$group" "$WORLD_REF" "$2" "$3" 2> "$WORK/call.log" |
    samtools sort -o "$WORK/call.sorted.bam" - 2>> "$WORK/call.log"
  "$SPINDLE" markdup -I "$WORK/call.sorted.bam" -O "$bam" -M "$WORK/call.metrics" > /dev/null
  samtools index "$bam"
}

body() {
  grep -v '^#' "$1" || true
}

# scored VCF: F1 of SNVs and indels against the truth, if there is one
scored() {
  local truth=${TRUTH:-}
  if [ -z "$truth" ] && [ -z "${READS:-}${SETS:-}" ]; then
    local data=$here/../../data/na12878
    truth="$data/truth.vcf.gz $data/confident.bed"
  fi
  [ -n "$truth" ] || return 0
  # shellcheck disable=SC2086
  set -- "$1" $truth
  "$SPINDLE" evaluate --calls "$1" --truth "$2" --regions "$3" --json
}

# compare MODE WHAT: all sets in one mode, as one row for all records and one for each field that differs
compare() {
  local mode=$1 what=$2 records=0 differ=0 name first second
  rm -f "$WORK"/call.{judge,own}.time "$WORK/call.fields"
  while read -r name first second; do
    reads "$name" "$first" "$second"
    local bam=$WORK/call.$name.bam theirs=$WORK/call.$name.$mode.judge.vcf own=$WORK/call.$name.$mode.own.vcf
    timed "$WORK/call.judge.time" "$GATK" HaplotypeCaller -R "$WORLD_REF" -I "$bam" -ERC "$mode" -O "$theirs" \
      --native-pair-hmm-threads 1 > /dev/null
    timed "$WORK/call.own.time" "$SPINDLE" call -R "$WORLD_REF" -I "$bam" --ERC "$mode" -O "$own" -t 1 --gatk-random > /dev/null
    body "$theirs" > "$WORK/call.theirs"
    body "$own" > "$WORK/call.own"
    records=$((records + $(wc -l < "$WORK/call.theirs")))
    differ=$((differ + $(differing "$WORK/call.theirs" "$WORK/call.own")))
    awk -f "$here/../call_fields.awk" "$WORK/call.theirs" "$WORK/call.own" >> "$WORK/call.fields"
    [ "$mode" != NONE ] || [ "$name" = lane1 ] || [ "$name" = lane2 ] || {
      scored "$theirs" > "$WORK/call.truth.judge"
      scored "$own" > "$WORK/call.truth.own"
    }
  done < "$WORK/sets"
  row "call: $what" "$judge" "$records" "$differ" "$(ratio "$WORK"/call.{judge,own}.time)"
  awk '{ all[$1] += $2; bad[$1] += $3 }
    END { for (field in bad) if (bad[field]) print field, all[field], bad[field] }' "$WORK/call.fields" | sort |
    while read -r field all bad; do row "call: $what, $field" "$judge" "$all" "$bad" "-"; done
}

compare NONE "VCF"
compare GVCF "gVCF"
if [ -s "$WORK/call.truth.own" ]; then
  row "call: truth of both the same" "$judge" "$(wc -l < "$WORK/call.truth.judge")" \
    "$(differing "$WORK/call.truth.judge" "$WORK/call.truth.own")" "-"
fi
