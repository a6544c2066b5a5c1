// Which file this program is: to start it again under another command.

extension ProcessIdentity {
  /// The path of this program, or a link to its file when that was replaced on disk meanwhile.
  public static var ownExecutablePath: String {
    let link = "/proc/self/exe"
    guard let path = linkTarget(link), !path.hasSuffix(" (deleted)") else { return link }
    return path
  }
}
