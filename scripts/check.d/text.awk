# The rules that look at any text file: paths of one machine, conflict markers, work put off, unsafe
# build flags; and for C, shell and awk the comment at the top and the length.
#
# awk -f text.awk FILES... (never this folder: it names what it bans)

function report(rule, text) { print FILENAME ":" FNR ": " rule ": " text }

function finish() {
  if (file == "" || !is_source) return
  if (last > 500) print file ":500: file-length: " last " lines; at most 500: split it"
  if (last > 20 && !has_header)
    print file ":1: header: open the file with a comment: what it is and what holds in it"
}

FNR == 1 {
  finish()
  file = FILENAME
  is_swift = file ~ /\.swift$/
  is_prose = file ~ /\.md$/
  is_source = file ~ /\.(c|h|awk|sh)$/ || $0 ~ /^#!/
  has_header = 0
}

{ last = FNR }

FNR <= 3 && /^ *(\/\/|\/\*|#[^!]|#$)/ && !/^ *# *(pragma|include|define|if|ifdef|ifndef)/ { has_header = 1 }

/^#include "/ && file ~ /\.c$/ { has_header = 1 } # what it is stands in its header

/(^|[^A-Za-z0-9_.~*\/-])\/(work|root|home)\/[A-Za-z0-9_.]/ {
  report("machine-path", "a path of one machine; make it relative, or take it from the environment")
}

/^(<<<<<<<|>>>>>>>) / { report("conflict", "a conflict marker; finish the merge") }

!is_swift && !is_prose && /(^|[^A-Za-z])(TO[D]O|FIXM[E]|XX[X]|HAC[K])([^A-Za-z]|$)/ {
  report("todo", "do it now, or leave it out and say so in the README's list of what it cannot do")
}

!is_prose && !is_swift && /-Ouncheck[e]d/ || FILENAME == "Package.swift" && /-Ouncheck[e]d/ {
  report("unchecked", "build with -O: bounds checks stay in, and the benchmarks show what they cost")
}

END { finish() }
