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

# aligned NAME R1 R2: makes $WORK/NAME.aligned.bam with bwa, in the order of the reads, once; prints its path.
aligned() {
  local bam=$WORK/$1.aligned.bam group="@RG\\tID:$1\\tSM:$1\\tLB:$1\\tPL:ILLUMINA\\tPU:$1"
  [ -f "$WORLD_REF.bwt" ] || bwa index "$WORLD_REF" 2> "$WORK/bwa-index.log"
  if [ ! -f "$bam" ]; then
    bwa mem -K 100000000 -Y -R "$group" "$WORLD_REF" "$2" "$3" 2> "$WORK/bwa.log" | samtools view --no-PG -b -o "$bam.part" -
    mv "$bam.part" "$bam"
  fi
  echo "$bam"
}

# sorted NAME R1 R2: the same, sorted by samtools, with an index.
sorted() {
  local bam=$WORK/$1.sorted.bam
  if [ ! -f "$bam" ]; then
    samtools sort --no-PG -o "$bam.part" "$(aligned "$@")" 2> "$WORK/sort.log"
    mv "$bam.part" "$bam"
    samtools index "$bam"
  fi
  echo "$bam"
}

# marked NAME R1 R2: the same, with duplicates marked by Picard.
marked() {
  local bam=$WORK/$1.marked.bam
  if [ ! -f "$bam" ]; then
    picard MarkDuplicates I="$(sorted "$@")" O="$bam.part" M="$bam.txt"
    mv "$bam.part" "$bam"
    samtools index "$bam"
  fi
  echo "$bam"
}

# picard COMMAND ARGUMENTS: Debian's command, quiet.
picard() {
  PicardCommandLine "$@" QUIET=true VERBOSITY=ERROR VALIDATION_STRINGENCY=SILENT > "$WORK/picard.log" 2>&1 ||
    { cat "$WORK/picard.log" >&2; return 1; }
}

# What Picard and GATK want beside the reference, and the index of Spindle.
prepare_reference() {
  [ -f "$WORLD_REF.fai" ] || samtools faidx "$WORLD_REF"
  [ -f "${WORLD_REF%.fa}.dict" ] || samtools dict -o "${WORLD_REF%.fa}.dict" "$WORLD_REF"
  [ -f "$WORLD_REF.spindle" ] || "$SPINDLE" index "$WORLD_REF" > /dev/null
}

picard_version() {
  echo "Picard $( (PicardCommandLine MarkDuplicates --version 2>&1 || true) | grep -o '[0-9.]\+[0-9]' | head -1)"
}
