// Who holds a certificate, as it stands in its subject (RFC 5280, 4.1.2.6).

public import Base

/// A member of an installation: its role is the organisational unit, its name the common name.
public struct Identity: Hashable, Sendable, CustomStringConvertible {
  public enum Role: String, CaseIterable, Hashable, Sendable {
    case authority
    case controller
    case host
  }

  /// An X.520 common name takes no more (RFC 5280, appendix A).
  public static let nameBytes = 64

  public var role: Role
  public var name: String

  /// Throws when the name cannot stand in a certificate.
  public init(_ role: Role, _ name: String) throws(Failure) {
    guard 1...Self.nameBytes ~= name.utf8.count,
      name.utf8.allSatisfy({ UInt8(ascii: " ")...UInt8(ascii: "~") ~= $0 })
    else {
      throw Failure(
        "cannot use \(name.prefix(80)) in a certificate",
        why: "a name there has 1 to \(Self.nameBytes) printable ASCII characters",
        remedy: "choose a shorter or plainer name")
    }
    self.role = role
    self.name = name
  }

  public var description: String { "\(role.rawValue) \(name)" }
}
