// What to start, and how: a value that can be built, kept and started many times.

internal import Base
internal import Glibc

extension ChildProcess {
  /// A program with its arguments and surroundings.
  public struct Command: Sendable {
    /// What a standard stream of the program is.
    public enum Stream: Sendable {
      /// The same as that of this process.
      case inherit
      /// Nothing: reads end at once, writes vanish.
      case null
      /// A pipe whose other end this process gets.
      case pipe
      /// A file: read from its start, or written anew.
      case file(String)
      /// A file that is written at its end.
      case append(String)
      /// An open descriptor, which must stay open until the program runs.
      case descriptor(Int32)
    }

    /// The program, looked up in PATH when it has no slash, and its arguments.
    public var arguments: [String]
    /// All variables of the program; `nil` hands on those of this process.
    public var environment: [String: String]?
    public var workingDirectory: String?
    public var input = Stream.null
    public var output = Stream.inherit
    public var errors = Stream.inherit
    /// Open descriptors that become 3, 4, ... of the program. At most 61. All others are closed.
    public var descriptors: [Int32] = []
    /// Where the program lives. It gets a mount namespace too, in which /sys shows the devices of
    /// this namespace, as under `ip netns exec`; mounts that it makes are seen by nobody else.
    public var networkNamespace: NetworkNamespace?
    /// Away from the terminal: Ctrl-C here does not reach it.
    public var startsSession = false
    /// Killed by the kernel when the thread that starts it ends.
    public var diesWithParent = false

    public init(_ arguments: [String], in networkNamespace: NetworkNamespace? = nil) {
      self.arguments = arguments
      self.networkNamespace = networkNamespace
    }

    /// The variables that this process was started with: a base to add to.
    public static var inheritedEnvironment: [String: String] { ProcessIdentity.current.environment }

    /// Where the program's file is.
    func executablePath() throws(Failure) -> String {
      guard let name = arguments.first, !name.isEmpty else {
        throw Failure(
          "cannot start a program", why: "no command was given", remedy: "name a program to run")
      }
      if name.contains("/") { return name }
      let search = (environment ?? Self.inheritedEnvironment)["PATH"] ?? "/usr/sbin:/usr/bin:/bin"
      for folder in search.split(separator: ":") {
        let path = "\(folder)/\(name)"
        var status = stat()
        // SAFETY: the path is a C string for each call, and `status` lives for it.
        guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        if unsafe access(path, X_OK) == 0 { return path }
      }
      throw Failure(
        "cannot start \(name)", why: "there is no such program in PATH",
        remedy: "install it, or give its path")
    }
  }
}
