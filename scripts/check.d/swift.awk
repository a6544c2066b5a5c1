# The rules that look at one Swift file at a time: imports, banned words, unsafe fences and SAFETY
# comments, lengths, the comment at the top.
#
# awk -f tables.awk -f lex.awk -f swift.awk -v floors=FILE -v bans=FILE -v targets=FILE FILES...
# (targets: the `target NAME dep ...` lines of package.awk). Prints `FILE:LINE: rule: what to do`.
#
# `// check: allow RULE: reason` on the line, or in the comment above it, takes one line out of a
# rule; for `file-length` it stands at the top of the file, for `function-length` above the function.

BEGIN {
  read_floors(floors)
  read_bans(bans)
  while ((getline row < targets) > 0) {
    count = split(row, word, / +/)
    for (i = 3; i <= count; i++) declared[word[2], word[i]] = 1
    is_target[word[2]] = 1
  }
}

FNR == 1 {
  if (file != "") finish_file()
  start_file()
}

{
  last = FNR
  lex($0)
  note_allowances()
  if (NOTE ~ /SAFETY:|- Unsafe:/) pending_safety = 1
  if (NOTE ~ /TO[D]O|FIXM[E]|XX[X]|HAC[K]/)
    report("todo", "do it now, or leave it out and say so in the README's list of what it cannot do")
  if (CODE !~ /[^ \t]/) {
    if (NOTE == "") pending_safety = 0 # a blank line ends what a comment speaks of
    if (NOTE == "" && !has_code && !header_done) header_done = header_lines > 0
    if (NOTE !~ /^\/|^$/ && !header_done && !has_code) header_lines++ # `///` speaks of what follows
    next
  }
  has_code = 1
  code_line(" " CODE " ")
}

END { if (file != "") finish_file() }

function start_file(    part) {
  file = FILENAME
  lex_start()
  split(file, part, "/")
  folder = part[2]
  module = (part[1] == "Sources") ? part[2] : ""
  target = (folder == "Fuzz") ? "martlet-fuzz" : folder
  floor = (module in floor_of) ? floor_of[module] : -1
  nesting = 0 # of braces
  functions = 0 # that are open, one inside the other
  parens = 0
  pending_function = 0
  split("", unsafe_lines)
  pending_safety = 0
  has_code = header_lines = header_done = 0
  split("", waiting) # allowances for the next line of code
  split("", file_allowed)
}

function finish_file(    rule) {
  if (!has_code) say(1, "empty", "no code in this file; write it or delete it")
  if (header_lines == 0)
    say(1, "header", "open the file with a comment: what it is, its invariant, the RFC or man page")
  if (last > 500 && !("file-length" in file_allowed))
    say(500, "file-length", last " lines; at most 500: split it as `Type+Concern.swift`")
  for (rule in file_allowed)
    if (last <= 500) say(file_allowed[rule], "unused-allow", "the file has " last " lines; delete the comment")
}

function say(line, rule, text) { print file ":" line ": " rule ": " text }

# Reports on the current line unless it is allowed.
function report(rule, text) {
  if (rule in waiting) { spent[rule] = 1; return }
  say(FNR, rule, text)
}

function note_allowances(    rest, rule) {
  rest = NOTE
  while (match(rest, /check: allow [a-z-]+: +[^ ]/)) {
    rule = substr(rest, RSTART + 13, RLENGTH - 13)
    sub(/:.*/, "", rule)
    rest = substr(rest, RSTART + RLENGTH)
    if (rule == "file-length") file_allowed[rule] = FNR
    else waiting[rule] = FNR
  }
  if (rest ~ /check: allow( [a-z-]+)?:? *$/)
    say(FNR, "allow", "write `check: allow RULE: reason`, with the reason")
}

# `BaseTests` for a file of Tests/BaseTests.
function suite_of(file,    part) {
  return split(file, part, "/") > 2 && part[1] == "Tests" ? part[2] : ""
}

function code_line(code,    i, rule) {
  if (code ~ /^ *(@[A-Za-z_]+ +)*((public|internal|package|private|fileprivate) +)?import +/) import_rule(code)
  for (i = 1; i <= ban_count; i++)
    if (code ~ ban[i, "match"] && covers(ban[i, "where"], module, suite_of(file))) {
      if (index(ban[i, "except"], file ": ") == 1) continue
      if (ban_rule[i] == "print" && code ~ /func +(print|dump) *\(/) continue
      report(ban_rule[i], ban[i, "instead"])
    }
  starts_function(code)
  unsafe_rules(code)
  braces(code)
  settle_allowances(code)
  # A SAFETY comment in a function speaks for the rest of it; outside, up to the next blank line.
  if (functions > 0 && pending_safety) {
    safe[functions] = 1
    pending_safety = 0
  }
}

# An allowance is for the next line of code; the attributes of a declaration do not count as one.
function settle_allowances(code,    rule) {
  if (code ~ /^ *@[A-Za-z_]+(\([^)]*\))? *$/) return
  for (rule in waiting)
    if (!(rule in spent))
      say(waiting[rule], "unused-allow", "`" rule "` is not broken here; delete the comment")
  split("", waiting)
  split("", spent)
}

function import_rule(code,    access, name) {
  access = (code ~ /[ ]public +import/) ? "public" : (code ~ /[ ]internal +import/) ? "internal" : "other"
  name = code
  sub(/^.*import +((struct|class|enum|protocol|func|var|let|typealias) +)?/, "", name)
  sub(/[ .].*/, "", name)
  if (name ~ /^Foundation(Networking|XML)?$/)
    report("import", "`" name "` is banned: FoundationEssentials from floor 4 up, our own modules below")
  else if (name == "FoundationEssentials") {
    if (module != "" && floor < 4) report("import", "FoundationEssentials only on floor 4 and above")
  } else if (name == "Glibc") {
    if (module != "" && !has(module, "glibc"))
      report("import", "`" module "` is pure: take what it needs as a parameter; Glibc stays in Linux and above")
    else if (access != "internal" && module != "") report("import", "write `internal import Glibc`")
  } else if (name == "Testing") {
    if (module != "") report("import", "Testing only in Tests")
  } else if (name in floor_of) {
    if (floor_of[name] == 0) {
      if (module != "" && !lists(module, "c", name))
        report("import", "`" name "` belongs to another module; call that module's Swift interface")
      else if (has(name, "inline")) {
        if (access != "public") report("import", "write `public import " name "`: it is inlined into others")
      } else if (access != "internal") report("import", "write `internal import " name "`: no C type in our interfaces")
    } else if (module != "" && name != module && floor_of[name] >= floor && !lists(module, "beside", name))
      report("import", "`" module "` (F" floor ") may not import `" name "` (F" floor_of[name] "); only lower floors")
    if ((target in is_target) && !((target, name) in declared))
      report("import", "declare `" name "` as a dependency of `" target "` in Package.swift")
  } else if (module == "" && name in is_target) { # shared by several suites
    if (!((target, name) in declared))
      report("import", "declare `" name "` as a dependency of `" target "` in Package.swift")
  } else if (name != "Synchronization" && name != "PackageDescription")
    report("import", "`" name "` is not a module that we use; see scripts/check.d/floors.txt")
}

function starts_function(code) {
  if (code ~ /^ *(@[A-Za-z_]+(\([^)]*\))? +)*([a-z]+(\(set\))? +)*(func|init|deinit|subscript)([^A-Za-z0-9_]|$)/ \
    && code !~ /^ *(return|self|super|case|let|if|guard|else|try) *[.( ]/) begin_function()
  else if (functions == 0 && code ~ /^ *(@[A-Za-z_]+(\([^)]*\))? +)*([a-z]+(\([a-z]+\))? +)*(var|let) +.*\{/)
    begin_function()
}

function begin_function() {
  pending_function = FNR
  pending_allowed = ("function-length" in waiting)
  pending_allowed_line = waiting["function-length"]
  delete waiting["function-length"]
}

function unsafe_rules(code,    plain) {
  plain = code
  if (code ~ /@unchecked +Sendable|nonisolated *\(unsafe\)|unowned *\(unsafe\)/ && !pending_safety)
    report("safety", "put a `// SAFETY:` comment right above: why this may cross threads")
  gsub(/(nonisolated|unowned) *\(unsafe\)/, "", plain)
  if (plain !~ /[^A-Za-z0-9_@.]unsafe( |$)/) return
  if (module != "" && module in floor_of && !has(module, "unsafe"))
    report("fence", "no `unsafe` in `" module "`; move it behind a safe type of Base, FrameMemory or Linux")
  if (pending_safety) return
  if ("safety" in waiting) spent["safety"] = 1
  else if (functions == 0) unreasoned(FNR)
  else unsafe_lines[functions] = unsafe_lines[functions] " " FNR
}

function unreasoned(line) {
  say(line, "safety", "in the same function, a `// SAFETY:` comment that states the invariant")
}

# At the end of a function: without a SAFETY comment, its `unsafe` lines count for the function around
# it, and in the outermost they are reported.
function settle_unsafe(    count, line, i) {
  if (!safe[functions] && functions > 1)
    unsafe_lines[functions - 1] = unsafe_lines[functions - 1] unsafe_lines[functions]
  else if (!safe[functions]) {
    count = split(unsafe_lines[functions], line, " ")
    for (i = 1; i <= count; i++) unreasoned(line[i])
  }
  unsafe_lines[functions] = ""
}

# Follows braces and parentheses, so that we know which function a line is in and how long it is.
function braces(code,    ch) {
  while (match(code, /[(){}]/)) {
    ch = substr(code, RSTART, 1)
    code = substr(code, RSTART + 1)
    if (ch == "(") parens++
    else if (ch == ")") parens--
    else if (ch == "{") open_brace()
    else close_brace()
  }
}

function open_brace() {
  nesting++
  if (pending_function && parens == 0) {
    functions++
    starts[functions] = pending_function
    level[functions] = nesting
    safe[functions] = pending_safety
    long_allowed[functions] = pending_allowed
    long_allowed_line[functions] = pending_allowed_line
    pending_function = 0
  }
}

function close_brace(    length_) {
  if (functions > 0 && level[functions] == nesting) {
    length_ = FNR - starts[functions] + 1
    if (length_ > 60 && !long_allowed[functions])
      say(starts[functions], "function-length", length_ " lines; at most 60: give a step of it a name of its own")
    if (length_ <= 60 && long_allowed[functions])
      say(long_allowed_line[functions], "unused-allow", "the function has " length_ " lines; delete the comment")
    settle_unsafe()
    functions--
  }
  if (pending_function) pending_function = 0
  nesting--
}
