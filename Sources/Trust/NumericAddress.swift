// Numeric addresses as certificates have them (RFC 5280, 4.2.1.6; inet_pton(3)).

internal import Glibc

enum NumericAddress {
  /// Four or sixteen bytes; nothing when it is a name.
  static func bytes(of text: String) -> [UInt8]? {
    for (family, count) in [(AF_INET, 4), (AF_INET6, 16)] {
      var bytes = [UInt8](repeating: 0, count: count)
      // SAFETY: the buffer has as many bytes as an address of the family; the text is a C string.
      let isAddress = unsafe bytes.withUnsafeMutableBytes {
        unsafe inet_pton(family, text, $0.baseAddress) == 1
      }
      if isAddress { return bytes }
    }
    return nil
  }
}
