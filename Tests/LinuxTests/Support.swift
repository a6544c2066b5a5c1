// What the tests of this module share: what the machine allows, and names of their own.

import Base
import Glibc
import Linux
import Testing

/// Root may make namespaces; some sandboxes forbid it even to root.
let canMakeNamespaces: Bool = {
  guard geteuid() == 0 else { return false }
  let name = uniqueName("probe")
  guard (try? NetworkNamespace.create(named: name)) != nil else { return false }
  return (try? NetworkNamespace.delete(named: name)) != nil
}()

let needsNamespaces: Comment = "needs root and network namespaces"

/// A name that no other test run uses.
func uniqueName(_ what: String) -> String {
  "mt-\(what)-\(getpid())-\(UInt16.random(in: 0...UInt16.max))"
}

/// Runs with a new folder, and removes it.
func withFolder<Value>(_ body: (String) throws -> Value) throws -> Value {
  let path = "/tmp/\(uniqueName("folder"))"
  try makeDirectory(path)
  defer { try? removeTree(path) }
  return try body(path)
}

/// Runs with a new network namespace, and deletes it.
func withNamespace<Value>(_ what: String, _ body: (NetworkNamespace) throws -> Value) throws
  -> Value
{
  let name = uniqueName(what)
  let namespace = try NetworkNamespace.create(named: name)
  defer { try? NetworkNamespace.delete(named: name) }
  return try body(namespace)
}

/// Waits up to five seconds for something to become true.
func eventually(_ condition: () throws -> Bool) rethrows -> Bool {
  try MonotonicClock.wait(atMostNanoseconds: 5_000_000_000, until: condition)
}
