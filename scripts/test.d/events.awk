# Reads the event stream of Swift Testing (one JSON record a line, version 0) and reports.
#
#   -v mode=progress   one line: what has ended so far, and what is running
#   -v mode=report     `failed NAME: why` and `skipped NAME: why` lines, then `count P F S`
#
# A test that started and never ended counts as failed: the process died or was stopped in it. So does
# one that was planned and never started. Suites are not counted, only test functions.

# The value of the first "key":"..." at or after `from`; END_AT is where it ended.
function text_of(line, key, from,    start, at, ch, value) {
  line = substr(line, from)
  start = index(line, "\"" key "\":\"")
  if (start == 0) {
    END_AT = 0
    return ""
  }
  value = ""
  for (at = start + length(key) + 4; at <= length(line); at++) {
    ch = substr(line, at, 1)
    if (ch == "\"") break
    if (ch == "\\") {
      ch = substr(line, ++at, 1)
      if (ch == "n" || ch == "t" || ch == "r") ch = " "
    }
    value = value ch
  }
  END_AT = from + at - 1
  return value
}

# `Target.Suite/test()/File.swift:1:2` without the place.
function name_of(id) {
  sub(/\/[^\/]*\.swift:[0-9]+:[0-9]+$/, "", id)
  return id
}

# The id of a test's record: the last one before "isParameterized", because the cases of a
# parameterised test, which come first, have ids of their own.
function test_id(line,    from, at) {
  line = substr(line, 1, index(line, "\"isParameterized\":") - 1)
  for (from = 1; (at = index(substr(line, from), "\"id\":\"")) > 0;) from += at
  return text_of(line, "id", from - 1)
}

# All texts of an event's messages, the details after the first.
function messages(line,    from, text, all) {
  from = index(line, "\"messages\":[")
  if (from == 0) return ""
  while (1) {
    text = text_of(line, "text", from)
    if (END_AT == 0) return all
    all = (all == "") ? text : all "; " text
    from = END_AT
  }
}

function reason(text) {
  if (match(text, /: ".*"$/)) return substr(text, RSTART + 3, RLENGTH - 4)
  return "no reason given"
}

/^\{"kind":"test",/ {
  if ($0 ~ /"kind":"function"/) {
    id = test_id($0)
    planned[++plannedCount] = id
    state[id] = "planned"
  }
  next
}

{
  payload = index($0, "\"messages\":")
  head = (payload > 0) ? substr($0, 1, payload) : $0
  id = text_of($0, "testID", 1)
}

head ~ /"kind":"runEnded"/ { finished = 1 }

head ~ /"kind":"testStarted"/ && (id in state) { state[id] = "running" }

head ~ /"kind":"testSkipped"/ && (id in state) {
  state[id] = "skipped"
  why[id] = reason(messages($0))
}

head ~ /"kind":"issueRecorded"/ && $0 ~ /"symbol":"fail"/ {
  place = index(head, "\"_sourceLocation\":{")
  issue = messages($0)
  if (place > 0) {
    match(substr(head, place), /"line":[0-9]+/)
    issue = text_of(head, "fileID", place) ":" substr(head, place + RSTART + 6, RLENGTH - 7) ": " issue
  }
  if (id in why) issue = why[id] "\n       " issue
  why[id] = issue
}

head ~ /"kind":"testEnded"/ && (id in state) {
  if ($0 ~ /"symbol":"fail"/) state[id] = "failed"
  else if ($0 ~ /"symbol":"skip"/) {
    state[id] = "skipped"
    why[id] = reason(messages($0))
  } else state[id] = "passed"
}

function progress(    i, id, running) {
  for (i = 1; i <= plannedCount; i++) {
    id = planned[i]
    total[state[id]]++
    if (state[id] == "running" && ++shown <= 2) running = running " " name_of(id)
  }
  printf "%d of %d tests ended, %d failed%s", total["passed"] + total["failed"] + total["skipped"], \
    plannedCount, total["failed"], (running == "") ? "" : "; in" running
}

END {
  if (mode == "progress") {
    progress()
    exit
  }
  for (i = 1; i <= plannedCount; i++) {
    id = planned[i]
    if (state[id] == "running") {
      state[id] = "failed"
      why[id] = why[id] " it was running when the test process ended"
    } else if (state[id] == "planned") {
      if (finished) continue # not selected
      state[id] = "failed"
      why[id] = "never started: the test process ended before"
    }
    total[state[id]]++
    if (state[id] == "failed" || state[id] == "skipped") {
      sub(/^ /, "", why[id])
      print state[id] " " name_of(id) ": " why[id]
    }
  }
  for (id in why)
    if (!(id in state)) { # an issue outside of any test function
      total["failed"]++
      print "failed " (id == "" ? "(outside a test)" : name_of(id)) ": " why[id]
    }
  print "count", total["passed"] + 0, total["failed"] + 0, total["skipped"] + 0
}
