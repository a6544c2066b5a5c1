# Finds, in a disassembly, everything that the hot functions can reach, and reports what they must not.
#
# awk -v budget=FILE -v names=FILE -f calls.awk DISASSEMBLY
#   budget  patterns, see Tests/budgets/hot-functions.txt
#   names   `mangled<TAB>demangled` of every function of the program
#
# A hot function, and all that it calls directly, may call: other functions of the program (which are
# then followed), the memory functions of C, and what ends the process. Anything else is reported with
# the way that leads there: swift_retain and swift_allocObject, but also a lock, a system call, or a
# call through a pointer (a closure, an existential, a generic that was not specialised).

BEGIN {
  FS = "\t"
  while ((getline line < names) > 0) {
    split(line, part, "\t")
    demangled[part[1]] = part[2]
  }
  while ((getline line < budget) > 0) {
    sub(/^ +/, "", line)
    sub(/ +$/, "", line)
    if (line == "" || line ~ /^#/) continue
    if (line ~ /^except /) {
      sub(/^except +/, "", line)
      if (!index(line, " -- ")) fail("an `except` line needs its reason: except PATTERN -- REASON")
      sub(/ -- .*/, "", line)
      except[++exceptCount] = line
    } else hot[++hotCount] = line
  }
  if (hotCount == 0) fail("no pattern in " budget)
  harmless = "^(memcpy|memmove|memset|memcmp|bcmp|__memcpy_chk|__stack_chk_fail|abort)$"
  ends = "_assertionFailure|_fatalErrorMessage|_preconditionFailure|swift_unexpectedError"
}

function fail(text) {
  print "budgets: error: " text > "/dev/stderr"
  broken = 1
  exit 2
}

# Whether a name contains a pattern; `*` in a pattern stands for any text. `=NAME` is that name alone.
function contains(name, pattern,    part, count, i, at) {
  if (pattern ~ /^=/) return name == substr(pattern, 2)
  count = split(pattern, part, /\*/)
  for (i = 1; i <= count; i++) {
    if (part[i] == "") continue
    at = index(name, part[i])
    if (at == 0) return 0
    name = substr(name, at + length(part[i]))
  }
  return 1
}

# Whether an address (hexadecimal, without leading zeroes) is above another.
function above(address, other) {
  if (length(address) != length(other)) return length(address) > length(other)
  return address "" > other ""
}

function call(callee) {
  if (callee == current || (current, callee) in seen) return
  seen[current, callee] = 1
  callees[current] = callees[current] "\t" callee
}

# 0000000000007880 <name>:
/^[0-9a-f]+ <.*>:$/ {
  current = $0
  sub(/^[0-9a-f]+ </, "", current)
  sub(/>:$/, "", current)
  body[current] = 1
  table = 0
  ended = 0
  furthest = ""
  next
}

# `    78d0:<TAB>call   7a00 <swift_retain@plt>`, on two processors.
current != "" && NF >= 2 {
  text = $2 ($3 == "" ? "" : " " $3)
  # The accessor of a protocol conformance (`WL` is its cache) has no name of its own and stands behind
  # some function, after its end: it is not a part of that. A call to it is one into unnamed code.
  if (ended && text ~ /^mov .*%rax .*WL>$/) current = current " (accessor behind it)"
  # So does a copy of a value that the compiler has put outside. Where no jump leads on, a function is over.
  address = $1
  gsub(/[ :]/, "", address)
  if (ended && text ~ /^push / && above(address, furthest)) current = current " (another behind it)"
  if (text !~ /^(nop|data16|xchg|cs nop|int3)/) ended = text ~ /^(ret|ud2)/
  if (text ~ /^(movslq|ldrsw|ldrh|ldrb|adr) /) table = 6 # a switch through a table of addresses
  else if (table > 0) table--
  if (text !~ /^(bnd )?(notrack )?(call|jmp|j[a-z]+|bl|b|blr|br|b\.[a-z]+|cbn?z|tbn?z)[q ]/) next
  if (match(text, /<[^>]*>$/)) {
    name = substr(text, RSTART + 1, RLENGTH - 2)
    target = substr(text, 1, RSTART - 2)
    sub(/.* /, "", target)
    sub(/@.*$/, "", name)
    if (name !~ /\+0x[0-9a-f]+$/) call(name)
    else if (text ~ /^(bnd )?call|^bl /) call("(unnamed code)")
    else if (above(target, furthest)) furthest = target # a jump within a function
  } else if (text ~ /^(bnd )?call|^blr/) call("(through a pointer)")
  else if (text ~ /jmp +\*|^br / && table == 0) call("(through a pointer)")
  else if (text ~ /jmp +\*|^br /) furthest = "ffffffffffffffff" # anywhere in this function
}

# Breadth first from one hot function; `from` remembers the way.
function follow(root,    queue, first, last, name, list, count, i) {
  first = last = 1
  queue[1] = root
  from[root] = ""
  while (first <= last) {
    name = queue[first++]
    count = split(callees[name], list, "\t")
    for (i = 1; i <= count; i++) {
      if (list[i] == "" || list[i] in from) continue
      if (is_exempt(list[i])) continue
      from[list[i]] = name
      if (list[i] in body && list[i] !~ /^swift_/) {
        reached++
        queue[++last] = list[i]
      } else report(list[i])
    }
  }
}

function is_exempt(name,    i, plain) {
  plain = readable(name)
  if (name ~ harmless || name ~ ends || plain ~ ends) return 1
  for (i = 1; i <= exceptCount; i++)
    if (contains(plain, except[i])) {
      exceptUsed[i] = 1
      return 1
    }
  return 0
}

function readable(name) { return (name in demangled) ? demangled[name] : name }

function report(name,    way) {
  way = readable(name)
  for (name = from[name]; name != ""; name = from[name]) way = readable(name) "\n      calls " way
  print "budgets: " way
  violations++
}

END {
  if (broken) exit 2
  for (i = 1; i <= hotCount; i++) {
    matched = 0
    for (name in body)
      if (contains(readable(name), hot[i])) {
        matched++
        if (!(name in from)) {
          functions++
          follow(name)
        }
      }
    if (matched == 0) {
      print "budgets: no function matches `" hot[i] "`; it was inlined or renamed: name the outermost function around it"
      violations++
    }
  }
  for (i = 1; i <= exceptCount; i++)
    if (!exceptUsed[i]) {
      print "budgets: nothing hot calls `" except[i] "`; delete the `except` line"
      violations++
    }
  printf "budgets: %d hot functions, %d more that they call, %d violations\n", functions, reached, violations > "/dev/stderr"
  exit violations > 0
}
