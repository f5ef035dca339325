#!/bin/bash
# Makes na12878/ from the public files that its README names. Needs samtools, bcftools, bgzip, tabix.
# usage: regenerate.sh 20.fa.gz MT.fa FASTQ_DIR KNOWN_SITES.vcf.gz TRUTH.vcf.gz CONFIDENT.bed
set -eu
chr20=$1 mt=$2 fastq=$3 known=$4 truth=$5 confident=$6
out=$(cd "$(dirname "$0")" && pwd)/na12878
start=9000000 end=11000000     # 0-based, half-open window of GRCh37 chromosome 20
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir -p "$out"

{ echo ">20 GRCh37 20:$((start + 1))-$end"
  gzip -dc "$chr20" | grep -v '^>' | tr -d '\n' | tail -c +$((start + 1)) | head -c $((end - start)) | fold -w 60; echo
  echo ">MT GRCh37 rCRS"
  grep -v '^>' "$mt" | tr -d '\n' | fold -w 60; echo
} | gzip -9n > "$out/reference.fa.gz"

shift_vcf() { # VCF.gz first-column-2-shifted, sites inside the window only
  { echo '##fileformat=VCFv4.2'; echo "##contig=<ID=20,length=$((end - start))>"; echo '##contig=<ID=MT,length=16569>'
    cat "$2"
    gzip -dc "$1" | awk -v s=$start -v e=$end 'BEGIN{OFS="\t"} !/^#/ && $1=="20" && $2>s && $2<=e {$2-=s; print}' | cut -f "$3"
  } | bgzip -c > "$4"
  tabix -f -p vcf "$4"
}
printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n' > "$work/sites.header"
{ echo '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">'
  printf '#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tNA12878\n'; } > "$work/truth.header"
gzip -dc "$known" | awk 'BEGIN{OFS="\t"} !/^#/ {$6=".";$7=".";$8="."} {print}' | gzip > "$work/known.vcf.gz"
shift_vcf "$work/known.vcf.gz" "$work/sites.header" 1-8 "$out/known_sites.vcf.gz"
bcftools annotate -x INFO,^FORMAT/GT "$truth" | gzip > "$work/truth.vcf.gz"
shift_vcf "$work/truth.vcf.gz" "$work/truth.header" 1-10 "$out/truth.vcf.gz"
# Truth is scored where there are reads: 20:10,000,000-10,100,000.
awk -v s=$start 'BEGIN{OFS="\t"} $1=="20" {b=$2<10000000?10000000:$2; e=$3>10100000?10100000:$3; if (b<e) print "20",b-s,e-s}' "$confident" > "$out/confident.bed"

cp "$fastq/NA12878_50x.R1.fastq.gz" "$out/NA12878.R1.fastq.gz"
cp "$fastq/NA12878_50x.R2.fastq.gz" "$out/NA12878.R2.fastq.gz"
# Two lanes of two libraries with the mitochondrion in one and reads of nowhere in the other: what the tests run.
lane() { # name, inputs...
  local name=$1; shift
  for r in 1 2; do
    for f in "$@"; do case $f in
      random:*) awk -v r=$r -v n="${f#random:}" 'BEGIN{srand(7*r); split("A C G T",b," "); for(i=1;i<=n;i++){s="";q=""; for(j=0;j<101;j++){s=s b[1+int(rand()*4)]; q=q "F"} print "@nowhere." i "/" r "\n" s "\n+\n" q}}' ;;
      *) gzip -dc "$fastq/$f.R$r.fastq.gz" | head -$((4 * 600)) ;; esac
    done | gzip -9n > "$out/$name.R$r.fastq.gz"
  done
}
lane lane1 lane_20FUK.1 NA12878_chrM
lane lane2 lane_20GAV.1 lane_20GAV.2 random:150
