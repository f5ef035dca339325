#!/bin/bash
# The records of `spindle call` against those of GATK's HaplotypeCaller, from the same BAM: VCF and gVCF, field by field.
#
# GATK     the program (default gatk); where there is none, only recorded answers are compared
# ANSWERS  a folder of NAME/recal.bam with GATK's calls.vcf.gz and calls.g.vcf.gz of it, to be compared too
# TRUTHS   a file of lines "NAME VCF BED": the truth of a set (default: that of the bundled sample); with it both are scored,
#          by alleles with `spindle evaluate`, and by haplotypes with aardvark where it is on the PATH
set -euo pipefail
source "$FIDELITY_TOOLS"
GATK=${GATK:-gatk}
here=$(cd "$(dirname "$0")" && pwd)
prepare_reference
judge="GATK, recorded"
has_judge=
if command -v "$GATK" > /dev/null; then
  has_judge=yes
  judge="GATK $("$GATK" HaplotypeCaller --version 2> /dev/null | sed -n 's/.*(GATK) v//p')"
elif [ -z "${ANSWERS:-}" ]; then
  row "call: VCF, gVCF" "not run: no GATK; give one as \`GATK=/path/to/gatk make fidelity\`" - - -
  exit 0
fi

# prepared NAME FIRST SECOND: $WORK/call.NAME.bam, aligned, sorted, marked, and $WORK/call.NAME.bed around its reads; made once
prepared() {
  local bam=$WORK/call.$1.bam group="@RG\tID:$1\tSM:$1\tLB:$1\tPL:ILLUMINA\tPU:$1"
  [ ! -f "$WORK/call.$1.bed" ] || return 0
  "$SPINDLE" align -K 100000000 -Y -R "$group" "$WORLD_REF" "$2" "$3" 2> "$WORK/call.log" |
    samtools sort -o "$WORK/call.sorted.bam" - 2>> "$WORK/call.log"
  "$SPINDLE" markdup -I "$WORK/call.sorted.bam" -O "$bam" -M "$WORK/call.metrics" > /dev/null
  samtools index "$bam"
  around "$bam" > "$WORK/call.bed.part"
  mv "$WORK/call.bed.part" "$WORK/call.$1.bed"
}

# around BAM: where its well placed reads lie, with what is near joined
around() {
  samtools view -q 20 -F 0x904 "$1" | awk -v OFS='\t' '
    $3 == contig && $4 < end + 5000 { if ($4 > end) end = $4; next }
    contig { print contig, start, end + 500 }
    { contig = $3; start = $4 > 1000 ? $4 - 1000 : 0; end = $4 }
    END { if (contig) print contig, start, end + 500 }' | awk -v OFS='\t' '
    FNR == NR { length_of[$1] = $2; next }
    { if ($3 > length_of[$1]) $3 = length_of[$1]; print }' "$WORLD_REF.fai" -
}

body() {
  gzip -dc "$1" | grep -v '^#' || true
}

# within BED BED: what both hold
within() {
  awk -v OFS='\t' '
    FNR == NR { contig[NR] = $1; from[NR] = $2; to[NR] = $3; count = NR; next }
    { for (i = 1; i <= count; i++) if (contig[i] == $1) {
        start = $2 > from[i] ? $2 : from[i]; end = $3 < to[i] ? $3 : to[i]
        if (start < end) print $1, start, end } }' "$1" "$2"
}

# compared NAME MODE: rows of the bodies $WORK/call.{theirs,own}: lines, then what is compared apart
compared() {
  local name=$1 mode=$2 times=-
  [ ! -f "$WORK/call.$name.$mode.judge.time" ] ||
    times=$(ratio "$WORK/call.$name.$mode.judge.time" "$WORK/call.$name.$mode.own.time")
  row "call: $name, $mode, lines" "$judge" "$(wc -l < "$WORK/call.theirs")" "$(differing "$WORK/call.theirs" "$WORK/call.own")" "$times"
  local part
  for part in theirs own; do
    awk -F'\t' '$5 != "<NON_REF>"' "$WORK/call.$part" > "$WORK/call.$part.variants"
    awk -F'\t' '$5 == "<NON_REF>"' "$WORK/call.$part" > "$WORK/call.$part.blocks"
  done
  awk -f "$here/../call_fields.awk" "$WORK/call.theirs.variants" "$WORK/call.own.variants" | sed "s/^/$mode /" >> "$WORK/call.fields"
  [ "$mode" = VCF ] || echo "$mode BLOCKS $(wc -l < "$WORK/call.theirs.blocks") \
    $(differing "$WORK/call.theirs.blocks" "$WORK/call.own.blocks")" >> "$WORK/call.fields"
}

# scored NAME BED: how both calls stand to the truth of the set
scored() {
  local truth regions
  if [ -n "${TRUTHS:-}" ]; then
    read -r _ truth regions < <(grep "^${1%-recorded} " "$TRUTHS") || return 0
  elif [ -n "${READS:-}${SETS:-}" ] || [ "$1" != NA12878 ]; then
    return 0
  else
    truth=$here/../../data/na12878/truth.vcf.gz regions=$here/../../data/na12878/confident.bed
  fi
  within "$2" "$regions" > "$WORK/call.confident.bed"
  [ -s "$WORK/call.confident.bed" ] || return 0
  local by kind one other
  for by in allele haplotype; do
    [ "$by" = allele ] || command -v aardvark > /dev/null || continue
    for kind in SNV indel; do
      one=$("by_$by" "$WORK/call.$1.VCF.own.vcf.gz" "$truth" $kind)
      other=$("by_$by" "$WORK/call.$1.VCF.judge.vcf.gz" "$truth" $kind)
      row "call: $1, truth by $by, ${kind}s: F1 $one, GATK's $other" "Genome in a Bottle" "$(wc -l < "$WORK/call.truth")" \
        "$(awk -v one="$one" -v other="$other" 'BEGIN { print one + 0 < other + 0 ? 1 : 0 }')" "-"
    done
  done
}

# by_allele CALLS TRUTH KIND: F1 by `spindle evaluate`
by_allele() {
  bcftools view -H -T "$WORK/call.confident.bed" "$2" > "$WORK/call.truth"
  "$SPINDLE" evaluate --calls "$1" --truth "$2" --regions "$WORK/call.confident.bed" --json |
    grep "\"$3\"" | sed 's/.*"f1":\([0-9.]*\).*/\1/' | xargs printf '%.4f'
}

# by_haplotype CALLS TRUTH KIND: F1 by aardvark
by_haplotype() {
  local kind=Snv
  [ "$3" = SNV ] || kind=JointIndel
  bcftools annotate -x INFO,^FORMAT/GT "$2" -Oz -o "$WORK/call.truth.vcf.gz" 2> "$WORK/call.log"
  tabix -f -p vcf "$WORK/call.truth.vcf.gz"
  aardvark compare -r "$WORLD_REF" -t "$WORK/call.truth.vcf.gz" -q "$1" -b "$WORK/call.confident.bed" \
    -o "$WORK/call.aardvark" > "$WORK/call.log" 2>&1
  awk -F'\t' -v kind=$kind '$2 == "GT" && $5 == kind { printf "%.4f", $14 }' "$WORK/call.aardvark/summary.tsv"
}

# own NAME BAM BED: the answers of Spindle
own() {
  local mode flags
  for mode in VCF gVCF; do
    flags=NONE
    [ "$mode" = VCF ] || flags=GVCF
    rm -f "$WORK/call.$1.$mode.own.time"
    timed "$WORK/call.$1.$mode.own.time" "$SPINDLE" call -R "$WORLD_REF" -I "$2" --ERC $flags -L "$3" \
      -O "$WORK/call.$1.$mode.own.vcf.gz" -t 1 --gatk-random > /dev/null
  done
}

# judged NAME BAM BED: the answers of GATK, kept
judged() {
  local mode flags
  for mode in VCF gVCF; do
    flags=NONE
    [ "$mode" = VCF ] || flags=GVCF
    [ ! -f "$WORK/call.$1.$mode.judge.done" ] || continue
    rm -f "$WORK/call.$1.$mode.judge.time"
    timed "$WORK/call.$1.$mode.judge.time" "$GATK" HaplotypeCaller -R "$WORLD_REF" -I "$2" -ERC $flags -L "$3" \
      -O "$WORK/call.$1.$mode.judge.vcf.gz" --native-pair-hmm-threads 1 > /dev/null
    touch "$WORK/call.$1.$mode.judge.done"
  done
}

# rows NAME BED
rows() {
  local mode
  for mode in VCF gVCF; do
    body "$WORK/call.$1.$mode.judge.vcf.gz" > "$WORK/call.theirs"
    body "$WORK/call.$1.$mode.own.vcf.gz" > "$WORK/call.own"
    compared "$1" "$mode"
  done
  scored "$1" "$2"
}

# recorded FOLDER: a set whose answers are there already; the intervals are those of its gVCF
recorded() {
  local name
  name=$(basename "$1")-recorded
  gzip -dc "$1/calls.g.vcf.gz" | awk -F'\t' -v OFS='\t' '
    /^#/ { next }
    { end = match($8, /END=[0-9]+/) ? substr($8, RSTART + 4, RLENGTH - 4) : $2 + length($4) - 1 }
    $1 != contig { if (contig) print contig, start, last; contig = $1; start = $2 - 1; last = 0 }
    end + 0 > last { last = end + 0 }
    END { if (contig) print contig, start, last }' > "$WORK/call.$name.bed"
  cp "$1/calls.vcf.gz" "$WORK/call.$name.VCF.judge.vcf.gz"
  cp "$1/calls.g.vcf.gz" "$WORK/call.$name.gVCF.judge.vcf.gz"
  own "$name" "$1/recal.bam" "$WORK/call.$name.bed"
  rows "$name" "$WORK/call.$name.bed"
}

# fields: a row for each field, over all sets; of those without a difference one for all
fields() {
  sort "$WORK/call.fields" | awk '
    { all[$1 "|" $2] += $3; bad[$1 "|" $2] += $4 }
    END { for (field in all) print field "|" all[field] "|" bad[field] }' | sort > "$WORK/call.sums"
  local mode
  for mode in VCF gVCF; do
    grep "^$mode|" "$WORK/call.sums" | while IFS='|' read -r _ field all bad; do
      case $field in
        SITE) row "call: $mode, site and alleles" "$judge" "$all" "$bad" "-" ;;
        GENOTYPE) row "call: $mode, site, alleles and GT" "$judge" "$all" "$bad" "-" ;;
        BLOCKS) row "call: $mode, blocks" "$judge" "$all" "$bad" "-" ;;
        *) [ "$bad" -eq 0 ] || row "call: $mode, $field" "$judge" "$all" "$bad" "-" ;;
      esac
    done
    equal=$(awk -F'|' -v mode=$mode '$1 == mode && $4 == 0 && $2 ~ /:|QUAL|FILTER/ { printf "%s%s", sep, $2; sep = ", " }' "$WORK/call.sums")
    row "call: $mode, each of $equal" "$judge" \
      "$(awk -F'|' -v mode=$mode '$1 == mode && $4 == 0 && $2 ~ /:|QUAL|FILTER/ { sum += $3 } END { print sum + 0 }' "$WORK/call.sums")" 0 "-"
  done
}

rm -f "$WORK/call.fields"
while read -r name first second; do
  [ -n "$has_judge" ] || break
  prepared "$name" "$first" "$second"
  [ -s "$WORK/call.$name.bed" ] || continue
  judged "$name" "$WORK/call.$name.bam" "$WORK/call.$name.bed"
  own "$name" "$WORK/call.$name.bam" "$WORK/call.$name.bed"
  rows "$name" "$WORK/call.$name.bed"
done < "$WORK/sets"
if [ -n "${ANSWERS:-}" ]; then
  for folder in "$ANSWERS"/*/; do recorded "${folder%/}"; done
fi
fields
