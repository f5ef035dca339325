#!/bin/bash
# The SAM of `spindle align` against that of `bwa mem`, @PG left out.
set -euo pipefail
source "$FIDELITY_TOOLS"
[ -f "$WORLD_REF.bwt" ] || bwa index "$WORLD_REF" 2> "$WORK/bwa-index.log"
[ -f "$WORLD_REF.spindle" ] || "$SPINDLE" index "$WORLD_REF" > /dev/null
judge="bwa $( (bwa 2>&1 || true) | sed -n 's/^Version: //p')"

# compare WHAT OPTIONS READS-OF-A-SET: all sets with the same options, as one row
compare() {
  local what=$1 options=$2 mates=$3 records=0 differ=0 name first second
  rm -f "$WORK"/align.{judge,own}.time
  while read -r name first second; do
    local files=("$first")
    [ "$mates" = paired ] && files+=("$second")
    # shellcheck disable=SC2086
    timed "$WORK/align.judge.time" bwa mem $options "$WORLD_REF" "${files[@]}" | grep -v '^@PG' > "$WORK/judge.sam"
    # shellcheck disable=SC2086
    timed "$WORK/align.own.time" "$SPINDLE" align $options "$WORLD_REF" "${files[@]}" | grep -v '^@PG' > "$WORK/own.sam"
    records=$((records + $(grep -vc '^@' "$WORK/judge.sam" || true)))
    differ=$((differ + $(differing "$WORK/judge.sam" "$WORK/own.sam")))
  done < "$WORK/sets"
  row "align: $what" "$judge" "$records" "$differ" "$(ratio "$WORK"/align.{judge,own}.time)"
}

compare "pairs, \`-K 100000000\`" "-K 100000000" paired
compare "pairs, small batches, \`-K 50000\`" "-K 50000" paired
compare "single reads" "-K 100000000" single
compare "pairs, \`-a -Y -C\`" "-K 100000000 -a -Y -C" paired
compare "pairs, \`-5 -M -V -I 300,50\`" "-K 100000000 -5 -M -V -I 300,50" paired
compare "pairs, other scores" "-K 100000000 -A 2 -B 5 -O 7,9 -E 2,3 -L 8,3 -d 150 -w 60 -T 40 -U 20" paired
compare "pairs, other search" "-K 100000000 -k 15 -r 1.2 -y 10 -c 100 -D 0.3 -W 20 -m 10" paired
compare "single reads, \`-x ont2d\`" "-K 100000000 -x ont2d" single
