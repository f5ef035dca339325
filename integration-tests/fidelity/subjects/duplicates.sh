#!/bin/bash
# Flags, DT and metrics of `spindle markdup` against Picard's MarkDuplicates.
set -euo pipefail
source "$FIDELITY_TOOLS"
judge=$(picard_version)

# marks BAM: name, flags, place, mate and DT of each record
marks() {
  samtools view "$1" | awk -F'\t' -v OFS='\t' '{
    kind = ""; for (i = 12; i <= NF; i++) if ($i ~ /^DT:/) kind = $i
    print $1, $2, $3, $4, $6, $7, $8, kind }'
}

# compare WHAT INPUT PICARD SPINDLE
compare() {
  local what=$1 input=$2 picard=$3 own=$4 records=0 differ=0 lines=0 lines_differ=0 name first second
  rm -f "$WORK"/markdup.{judge,own}.time
  while read -r name first second; do
    local bam
    bam=$("$input" "$name" "$first" "$second")
    # shellcheck disable=SC2086
    timed "$WORK/markdup.judge.time" picard MarkDuplicates I="$bam" O="$WORK/judge.bam" M="$WORK/judge.txt" $picard
    # shellcheck disable=SC2086
    timed "$WORK/markdup.own.time" "$SPINDLE" markdup -I "$bam" -O "$WORK/own.bam" -M "$WORK/own.txt" $own
    marks "$WORK/judge.bam" > "$WORK/judge.sam"
    marks "$WORK/own.bam" > "$WORK/own.sam"
    grep -v '^#' "$WORK/judge.txt" > "$WORK/judge.lines"
    grep -v '^#' "$WORK/own.txt" > "$WORK/own.lines"
    records=$((records + $(wc -l < "$WORK/judge.sam")))
    differ=$((differ + $(differing "$WORK/judge.sam" "$WORK/own.sam")))
    lines=$((lines + $(wc -l < "$WORK/judge.lines")))
    lines_differ=$((lines_differ + $(differing "$WORK/judge.lines" "$WORK/own.lines")))
  done < "$WORK/sets"
  row "duplicates: $what" "$judge" "$records" "$differ" "$(ratio "$WORK"/markdup.{judge,own}.time)"
  row "duplicates: $what, lines of metrics" "$judge" "$lines" "$lines_differ" ""
}

compare "sorted by coordinate" sorted "TAGGING_POLICY=All" "--tagging-policy All"
compare "grouped by name" aligned "TAGGING_POLICY=All ASSUME_SORT_ORDER=queryname" \
  "--tagging-policy All --ASSUME_SORT_ORDER queryname"
compare "sorted, distance 2500, removed" sorted "REMOVE_DUPLICATES=true OPTICAL_DUPLICATE_PIXEL_DISTANCE=2500" \
  "--remove-duplicates --OPTICAL_DUPLICATE_PIXEL_DISTANCE 2500"
