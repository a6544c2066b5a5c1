// Builds the tree of a YAML text from libyaml's events, within bounds.
//
// One document, keys that are plain text, no tags. Anchors and aliases are understood; what an alias
// repeats counts as if it were written out, so that a small file cannot unfold into a large one.

public import Base
public import Model

/// Reads YAML into a `ConfigNode`.
public struct YAMLReader: ~Copyable {
  /// How many lists and mappings may stand within each other.
  public static let depthLimit = 32
  /// How many values and keys a text may have, aliases written out: three times those of a filter of
  /// 10,000 rules with four qualifiers each.
  public static let nodeLimit = 400_000
  /// How many bytes a text may have: such a filter twice, as `YAMLWriter` writes it.
  public static let sizeLimitBytes = 4 << 20

  /// A node, with the size and depth that an alias to it repeats.
  private struct Built {
    var node: ConfigNode
    var nodeCount: Int
    var depth: Int
  }

  private var parser: YAMLParser
  private var anchors: [String: Built] = [:]
  private var openAnchors: Set<String> = []
  private var nodeCount = 0

  private init(_ bytes: [UInt8], file: String) {
    parser = YAMLParser(bytes, file: file)
  }

  /// The tree of a text. Throws on the first thing that is not YAML or beyond a bound.
  ///
  /// `file` is the name of the text in locations. An empty text is an error.
  public static func read(_ bytes: [UInt8], file: String) throws(Failure) -> ConfigNode {
    let start = SourceLocation(file: file, line: 1, column: 1)
    guard bytes.count <= sizeLimitBytes else {
      throw Failure(
        "YAML", why: "the file is larger than \(sizeLimitBytes) bytes",
        remedy: "check that it is the right file, or split it", at: start)
    }
    var reader = YAMLReader(bytes, file: file)
    return try reader.document(start)
  }

  private mutating func document(_ start: SourceLocation) throws(Failure) -> ConfigNode {
    let empty = Failure(
      "YAML", why: "the file is empty",
      remedy: "begin it with `apiVersion: \(Topology.apiVersion)`",
      at: start)
    _ = try parser.next()
    guard case .documentStart = try parser.next().0 else { throw empty }
    let (event, location) = try parser.next()
    let root = try node(event, at: location, depth: 0).node
    _ = try parser.next()
    let (end, place) = try parser.next()
    guard case .streamEnd = end else {
      throw Failure(
        "YAML", why: "a second document begins here",
        remedy: "keep one document in a file, and remove this `---`", at: place)
    }
    // A document without a value, as `---` alone, reads as a null.
    if root.isNull { throw empty }
    return root
  }

  /// The node that begins with an event; `depth` lists and mappings are open around it.
  private mutating func node(
    _ event: YAMLEvent, at location: SourceLocation, depth: Int
  ) throws(Failure) -> Built {
    if case .alias(let name) = event { return try alias(name, at: location, depth: depth) }
    try count(1, at: location)
    switch event {
    case .scalar(let text, let isQuoted, let anchor):
      let scalar = ConfigNode(.scalar(.init(text, isQuoted: isQuoted)), at: location)
      return remember(Built(node: scalar, nodeCount: 1, depth: 0), anchor)
    case .sequenceStart(let anchor):
      try check(depth: depth + 1, at: location)
      if let anchor { openAnchors.insert(anchor) }
      return remember(try sequence(at: location, depth: depth + 1), anchor)
    case .mappingStart(let anchor):
      try check(depth: depth + 1, at: location)
      if let anchor { openAnchors.insert(anchor) }
      return remember(try mapping(at: location, depth: depth + 1), anchor)
    case .streamStart, .streamEnd, .documentStart, .documentEnd, .sequenceEnd, .mappingEnd, .alias:
      preconditionFailure("libyaml gave the end of something that did not begin")
    }
  }

  private mutating func sequence(
    at location: SourceLocation, depth: Int
  ) throws(Failure) -> Built {
    var built = Built(node: ConfigNode(.sequence([]), at: location), nodeCount: 1, depth: 1)
    var elements: [ConfigNode] = []
    while true {
      let (event, place) = try parser.next()
      if case .sequenceEnd = event { break }
      let element = try node(event, at: place, depth: depth)
      elements.append(element.node)
      built.nodeCount += element.nodeCount
      built.depth = max(built.depth, element.depth + 1)
    }
    built.node.content = .sequence(elements)
    return built
  }

  private mutating func mapping(at location: SourceLocation, depth: Int) throws(Failure) -> Built {
    var built = Built(node: ConfigNode(.mapping([]), at: location), nodeCount: 1, depth: 1)
    var entries: [ConfigNode.Entry] = []
    while true {
      let (event, place) = try parser.next()
      if case .mappingEnd = event { break }
      guard case .scalar(let key, _, nil) = event else {
        throw Failure(
          "YAML", why: "a key must be plain text", remedy: "write it as `key: value`", at: place)
      }
      try count(1, at: place)
      let (valueEvent, valuePlace) = try parser.next()
      let value = try node(valueEvent, at: valuePlace, depth: depth)
      entries.append(.init(key: key, keyLocation: place, value: value.node))
      built.nodeCount += value.nodeCount + 1
      built.depth = max(built.depth, value.depth + 1)
    }
    built.node.content = .mapping(entries)
    return built
  }

  /// What an anchor named, told at the place of the alias.
  private mutating func alias(
    _ name: String, at location: SourceLocation, depth: Int
  ) throws(Failure) -> Built {
    let isOpen = openAnchors.contains(name)
    let told = name.prefix(64)
    guard !isOpen, var built = anchors[name] else {
      throw Failure(
        "YAML",
        why: isOpen
          ? "`*\(told)` refers to what it is part of" : "unknown alias `*\(told)`",
        remedy: "name an anchor `&\(told)` that ends above", at: location)
    }
    try check(depth: depth + built.depth, at: location)
    try count(built.nodeCount, at: location)
    built.node.location = location
    return built
  }

  private mutating func remember(_ built: Built, _ anchor: String?) -> Built {
    if let anchor {
      openAnchors.remove(anchor)
      anchors[anchor] = built
    }
    return built
  }

  private mutating func count(_ nodes: Int, at location: SourceLocation) throws(Failure) {
    nodeCount += nodes
    guard nodeCount <= Self.nodeLimit else {
      throw Failure(
        "YAML", why: "the file has more than \(Self.nodeLimit) values, aliases written out",
        remedy: "split it, or use fewer aliases", at: location)
    }
  }

  private func check(depth: Int, at location: SourceLocation) throws(Failure) {
    guard depth <= Self.depthLimit else {
      throw Failure(
        "YAML", why: "lists and mappings are more than \(Self.depthLimit) deep",
        remedy: "no value of a Martlet file is that deep; check the brackets", at: location)
    }
  }
}
