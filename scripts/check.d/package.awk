# Holds Package.swift against floors.txt: the same modules, on the same floors, with dependencies
# that only go down. Also prints `target NAME dep dep ...` lines when `targets` is set: what the
# import rule needs.
#
# awk -f tables.awk -f lex.awk -f package.awk -v floors=FILE [-v targets=1] Package.swift

function problem(line, rule, text) {
  if (!targets) print FILENAME ":" line ": " rule ": " text
}

# One target: `body` is the text of its call, from the name on.
function take(kind, body, line,    name, deps, count, word, i) {
  match(body, /"[^"]*"/)
  name = substr(body, RSTART + 1, RLENGTH - 2)
  body = substr(body, RSTART + RLENGTH)
  deps = ""
  if (kind != "library" && match(body, /\[[^]]*\]/)) {
    deps = substr(body, RSTART + 1, RLENGTH - 2)
    gsub(/[" \t\n]/, "", deps)
  }
  line_of[name] = line
  kind_of[name] = kind
  dependencies[name] = deps
  order[++targetCount] = name
}

# How many parentheses a text leaves open, less those that it closes.
function balance(text) { return gsub(/\(/, "(", text) - gsub(/\)/, ")", text) }

function judge(name,    count, dep, i, floor) {
  if (kind_of[name] == "tests" || kind_of[name] == "fuzzer") return
  if (!(name in floor_of)) {
    problem(line_of[name], "floors", "`" name "` has no floor; add it to scripts/check.d/floors.txt")
    return
  }
  floor = floor_of[name]
  count = split(dependencies[name], dep, ",")
  for (i = 1; i <= count; i++) {
    if (dep[i] == "") continue
    used[dep[i]]++
    if (!(dep[i] in floor_of)) continue
    if (floor_of[dep[i]] >= floor && !lists(name, "beside", dep[i]))
      problem(line_of[name], "floors", "`" name "` (F" floor ") may not depend on `" dep[i] \
        "` (F" floor_of[dep[i]] "); depend only on lower floors")
    if (floor_of[dep[i]] == 0 && !lists(name, "c", dep[i]))
      problem(line_of[name], "floors", "`" name "` may not depend on the C module `" dep[i] \
        "`; call the Swift module that owns it")
  }
}

BEGIN { read_floors(floors) }

FNR == 1 { lex_start() }

{
  raw[FNR] = $0
  if ($0 ~ /^\/\/ +F[0-9] /) { # the picture of the floors at the top
    picture = $0
    gsub(/\([^)]*\)/, "", picture)
    sub(/ +$/, "", picture)
    count = split(picture, word, / +/)
    for (i = 3; i <= count; i++) { drawn[word[i]] = substr(word[2], 2) + 0; drawn_line[word[i]] = FNR }
  }
  lex($0)
  code = $0
  if (NOTE != "") sub(/\/\/.*/, "", code)
  text = text code "\n"
}

END {
  count = split(text, line, "\n")
  for (i = 1; i <= count; i++) {
    if (line[i] ~ /^func /) continue
    if (!match(line[i], /^ *(module|program|library|tests|\.target|\.executableTarget) *\(/)) continue
    kind = substr(line[i], 1, RLENGTH)
    gsub(/[ (.]/, "", kind)
    body = substr(line[i], RSTART + RLENGTH)
    for (j = i + 1; balance(body) >= 0 && j <= count; j++) body = body "\n" line[j]
    if (body !~ /^[^"]*"/ || body ~ /^ *name: name/) continue
    if (kind == "executableTarget") kind = "fuzzer"
    if (kind == "target" && body ~ /path: *"Tests\//) kind = "tests" # what several suites share
    take(kind, body, i)
  }
  for (i = 1; i <= targetCount; i++) {
    if (targets) {
      gsub(/,/, " ", dependencies[order[i]])
      print "target", order[i], dependencies[order[i]]
    } else judge(order[i])
  }
  if (targets) exit
  if (text ~ /\.package *\(/)
    problem(1, "dependency", "no outside packages: delete the `.package(...)` and write what is needed")
  for (i = 1; i <= module_count; i++) {
    name = module_order[i]
    if (!(name in line_of))
      problem(1, "floors", "floors.txt has `" name "` and Package.swift has no such target; remove it from one or add it to the other")
    if (floor_of[name] == 0 && !has(name, "shared") && used[name] != 1)
      problem(line_of[name] + 0, "floors", "the C library `" name "` has " (used[name] + 0) \
        " owners; exactly one Swift module depends on it")
    if (drawn[name] "" != floor_of[name] "")
      problem(drawn_line[name] + 0, "floors", "the picture of the floors at the top lacks `" name \
        "` on F" floor_of[name] "; draw it where floors.txt has it")
  }
  for (name in drawn)
    if (!(name in floor_of))
      problem(drawn_line[name], "floors", "`" name "` in the picture at the top is not in floors.txt; remove it")
}
