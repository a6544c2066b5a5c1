// Opening things in a namespace, or where the caller is.

package import Base
package import Linux

extension NetworkNamespace {
  /// Runs `body` inside `namespace`, on a thread of its own; on the calling thread when it is nil.
  package static func run<Value: ~Copyable & Sendable>(
    in namespace: NetworkNamespace?, _ body: @escaping @Sendable () throws(Failure) -> Value
  ) throws(Failure) -> Value {
    guard let namespace else { return try body() }
    return try namespace.run(body)
  }
}
