# Reads floors.txt and bans.txt, and answers questions about them.

function read_floors(path,    line, word, count, i, part) {
  while ((getline line < path) > 0) {
    if (line ~ /^#/ || line !~ /[^ ]/) continue
    count = split(line, word, / +/)
    floor_of[word[2]] = substr(word[1], 2) + 0
    module_order[++module_count] = word[2]
    for (i = 3; i <= count; i++) {
      split(word[i], part, "=")
      property[word[2], part[1]] = (part[2] == "") ? "yes" : "," part[2] ","
    }
  }
  close(path)
}

function has(module, name) { return (module, name) in property }

function lists(module, name, value) {
  return has(module, name) && index(property[module, name], "," value ",") > 0
}

function read_bans(path,    line, key) {
  while ((getline line < path) > 0) {
    if (line ~ /^#/ || line !~ /[^ ]/) continue
    key = line
    sub(/ .*/, "", key)
    if (key == line) {
      ban_rule[++ban_count] = key
      continue
    }
    sub(/^[a-z]+ +/, "", line)
    ban[ban_count, key] = line
  }
  close(path)
}

# Whether a ban's `where` covers a module (a folder of Sources, or "" for tests), or a folder of Tests.
function covers(where, module, suite,    word, count, i, on, range) {
  count = split(where, word, / +/)
  for (i = 1; i <= count; i++) {
    if (word[i] == "all") on = 1
    else if (word[i] == "tests") on = on || module == ""
    else if (word[i] == "sources") on = on || module != ""
    else if (word[i] ~ /^F[0-9]-F[0-9]$/) {
      split(word[i], range, /[F-]+/)
      if (module in floor_of && floor_of[module] >= range[2] && floor_of[module] <= range[3]) on = 1
    } else if (word[i] == module) on = 1
    else if (word[i] == "-" module || suite != "" && word[i] == "-" suite) on = 0
  }
  return on + 0
}
