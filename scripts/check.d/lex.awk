# Splits a line of Swift into code and comment. Strings become "" and lose their content, so that a
# rule never trips over a word in a message.
#
# lex_start() at the start of each file; then lex(line) sets CODE (blank-padded by the caller) and
# NOTE (the text of comments on the line). Block comments nest and multi-line strings span lines.
# Known limit: a `/regex/` literal that holds a quote is read as a string to the end of its line.

function lex_start() {
  lex_depth = 0  # of nested block comments
  lex_quote = "" # the closing quote of the string we are in
}

# Consumes text up to the end of the block comment; returns what follows.
function lex_block(text,    at, open) {
  while (lex_depth > 0) {
    at = index(text, "*/")
    open = index(text, "/*")
    if (open > 0 && (at == 0 || open < at)) {
      NOTE = NOTE substr(text, 1, open + 1)
      text = substr(text, open + 2)
      lex_depth++
    } else if (at > 0) {
      NOTE = NOTE substr(text, 1, at - 1)
      text = substr(text, at + 2)
      lex_depth--
    } else {
      NOTE = NOTE text
      return ""
    }
  }
  return text
}

# Consumes text up to the end of the string; returns what follows. `\(` stays in the string, with
# the quotes inside its parentheses.
function lex_string(text,    hashes, escape, at, ch, parens) {
  hashes = lex_quote
  gsub(/"/, "", hashes)
  escape = "\\" hashes
  for (at = 1; at <= length(text); at++) {
    ch = substr(text, at, 1)
    if (ch == "\\" && substr(text, at, length(escape)) == escape) {
      at += length(escape)
      if (substr(text, at, 1) == "(") {
        for (parens = 1; parens > 0 && at < length(text);) {
          at++
          ch = substr(text, at, 1)
          if (ch == "(") parens++
          else if (ch == ")") parens--
        }
      }
    } else if (ch == "\"" && substr(text, at, length(lex_quote)) == lex_quote) {
      at += length(lex_quote)
      lex_quote = ""
      return substr(text, at)
    }
  }
  if (lex_quote !~ /"""/) lex_quote = "" # a plain string ends with its line
  return ""
}

function lex(text,    start, token) {
  CODE = ""
  NOTE = ""
  if (lex_depth > 0) text = lex_block(text)
  else if (lex_quote != "") text = lex_string(text)
  while (text != "") {
    if (!match(text, /\/\/|\/\*|#*"""|#*"/)) {
      CODE = CODE text
      return
    }
    start = RSTART
    token = substr(text, start, RLENGTH)
    CODE = CODE substr(text, 1, start - 1)
    text = substr(text, start + RLENGTH)
    if (token == "//") {
      NOTE = NOTE text
      return
    } else if (token == "/*") {
      lex_depth = 1
      text = lex_block(text)
    } else {
      CODE = CODE "\"\""
      lex_quote = token
      if (token ~ /#/) { # the closing quote has its hashes behind it
        gsub(/"/, "", token)
        gsub(/#/, "", lex_quote)
        lex_quote = lex_quote token
      }
      text = lex_string(text)
    }
  }
}
