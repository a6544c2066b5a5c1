# Takes the fenced blocks out of a page: each goes to FOLDER/LINE.LANGUAGE, and one row about it to
# standard output: LINE LANGUAGE MARKER, where MARKER is the text of an HTML comment right above the
# block, or `-`. LINE is that of the opening fence.
#
# awk -v folder=FOLDER -f blocks.awk README.md

/^<!-- .* -->$/ { marker = substr($0, 6, length($0) - 9); marker_line = FNR; next }

/^```/ && !inside {
  inside = 1
  language = substr($0, 4)
  file = folder "/" FNR "." language
  printf "" >file
  print FNR, language, (marker != "" && marker_line == FNR - 1) ? marker : "-"
  next
}

/^```$/ && inside { inside = 0; close(file); next }

inside { print >file }
