#!/bin/bash
# The order of `spindle sort` against that of `samtools sort`, in both orders and in little memory.
set -euo pipefail
source "$FIDELITY_TOOLS"
judge=$(samtools --version | head -1)

# compare WHAT OPTIONS OF BOTH, MORE OF SPINDLE
compare() {
  local records=0 differ=0 name first second input
  rm -f "$WORK"/sort.{judge,own}.time
  while read -r name first second; do
    input=$(aligned "$name" "$first" "$second")
    # shellcheck disable=SC2086
    timed "$WORK/sort.judge.time" samtools sort $2 -o "$WORK/judge.bam" "$input"
    # shellcheck disable=SC2086
    timed "$WORK/sort.own.time" "$SPINDLE" sort $2 $3 -o "$WORK/own.bam" "$input"
    samtools view "$WORK/judge.bam" > "$WORK/judge.sam"
    samtools view "$WORK/own.bam" > "$WORK/own.sam"
    records=$((records + $(wc -l < "$WORK/judge.sam")))
    differ=$((differ + $(differing "$WORK/judge.sam" "$WORK/own.sam")))
  done < "$WORK/sets"
  row "sort: $1" "$judge" "$records" "$differ" "$(ratio "$WORK"/sort.{judge,own}.time)"
}

compare "by coordinate" "" ""
compare "by coordinate, 1 MB at a time" "" "-m 1M"
compare "by name" "-n" ""
