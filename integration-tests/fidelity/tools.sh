# What subjects share; source it.

# Finds reads and reference; leaves WORLD_REF and a line "NAME R1 R2" for each set in $WORK/sets.
prepare_world() {
  local root=$1 data=$1/integration-tests/data/na12878
  local ref=${REF:-$data/reference.fa.gz}
  export WORLD_REF=$WORK/$(printf '%s' "$(realpath "$ref")" | cksum | cut -d' ' -f1).fa
  if [ ! -f "$WORLD_REF" ]; then
    case $ref in *.gz) gzip -dc "$ref" ;; *) cat "$ref" ;; esac > "$WORLD_REF.part"
    mv "$WORLD_REF.part" "$WORLD_REF"
  fi
  : > "$WORK/sets"
  if [ -n "${READS:-}" ]; then
    echo "own $READS" >> "$WORK/sets"
  else
    local first
    for first in "${SETS:-$data}"/*.R1.fastq.gz; do
      echo "$(basename "$first" .R1.fastq.gz) $first ${first%.R1.fastq.gz}.R2.fastq.gz" >> "$WORK/sets"
    done
  fi
}

# timed FILE COMMAND...: runs it with output to stdout and adds its CPU seconds to FILE.
timed() {
  local file=$1 TIMEFORMAT='%U %S'
  shift
  { time "$@" 2> "$file.err"; } 2>> "$file" || { cat "$file.err" >&2; return 1; }
}

# ratio FILE FILE: CPU seconds of the first over those of the second.
ratio() {
  awk 'FNR == NR { one += $1 + $2; next } { two += $1 + $2 } END { printf "%.1f", one / (two > 0.001 ? two : 0.001) }' "$1" "$2"
}

# differing FILE FILE: number of lines that one has and the other has not at that place.
differing() {
  cmp -s "$1" "$2" && { echo 0; return; }
  { diff --speed-large-files "$1" "$2" || true; } | grep -c '^[<>]' || true
}

# row WHAT JUDGE RECORDS DIFFERING RATIO
row() {
  echo "| $1 | $2 | $3 | $4 | $5 |"
}
