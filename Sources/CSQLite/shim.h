// sqlite3(3), and what Swift cannot import of it: the destructor that is a cast number.
#pragma once
#include <sqlite3.h>

/// SQLite copies the text before it returns.
static inline int martlet_sqlite_bind_text(
    sqlite3_stmt *statement, int index, const char *text, int bytes) {
  return sqlite3_bind_text(statement, index, text, bytes, SQLITE_TRANSIENT);
}

/// SQLite copies the bytes before it returns; none are an empty blob and not NULL.
static inline int martlet_sqlite_bind_blob(
    sqlite3_stmt *statement, int index, const void *value, int bytes) {
  if (bytes == 0) return sqlite3_bind_zeroblob(statement, index, 0);
  return sqlite3_bind_blob(statement, index, value, bytes, SQLITE_TRANSIENT);
}
